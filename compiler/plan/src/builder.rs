//! The steps of all images put together to one plan.

use std::collections::BTreeMap;

use forge_model::{Image, NodeId, Plan};
use forge_spec::ResolvedSpec;

use crate::graph::Graph;
use crate::items::ImageChanges;
use crate::lower::{ImageSteps, image_steps};
use crate::{Known, LowerError};

/// Lowers all images to one plan. `known` is what the spec alone tells, by image.
pub fn lower(
    spec: &ResolvedSpec,
    mut known: BTreeMap<String, Known>,
) -> Result<Plan, Vec<LowerError>> {
    let mut builder = PlanBuilder::default();
    for image in &spec.images {
        let known = known.remove(&image.name).unwrap_or_default();
        builder.add(image_steps(image, ImageChanges::of(image), known));
    }
    builder.finish()
}

/// Puts the steps of images together, in the order of the images.
#[derive(Debug, Default)]
pub(crate) struct PlanBuilder {
    graph: Graph,
    images: Vec<Image>,
    errors: Vec<LowerError>,
}

impl PlanBuilder {
    /// Adds an image.
    pub(crate) fn add(&mut self, lowered: Result<ImageSteps, LowerError>) {
        match lowered {
            Ok(ImageSteps { mut image, steps }) => {
                let numbers = self.graph.add(&image.name, steps);
                let renumber = |id: &mut NodeId| *id = numbers[id.0 as usize];
                let lists = [&mut image.layers, &mut image.tree, &mut image.verdicts];
                lists.into_iter().flatten().for_each(renumber);
                renumber(&mut image.stamp);
                image.secrets.iter_mut().chain(&mut image.pack).for_each(renumber);
                self.images.push(image);
            }
            Err(error) => self.errors.push(error),
        }
    }

    /// The plan.
    pub(crate) fn finish(self) -> Result<Plan, Vec<LowerError>> {
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let mut plan = self.graph.finish();
        plan.images = self.images;
        Ok(plan)
    }
}
