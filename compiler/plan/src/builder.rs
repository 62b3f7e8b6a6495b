//! The steps of all images put together to one plan.

use std::collections::BTreeMap;

use forge_model::{Image, NodeId, Plan};
use forge_spec::ResolvedSpec;

use crate::graph::{Graph, LastNodes, Placed};
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
    Ok(builder.finish()?.0)
}

/// Puts the steps of images together, in the order of the images.
#[derive(Debug, Default)]
pub(crate) struct PlanBuilder {
    graph: Graph,
    images: Vec<Image>,
    placed: Vec<Placed>,
    errors: Vec<LowerError>,
}

impl PlanBuilder {
    /// Adds an image.
    pub(crate) fn add(&mut self, lowered: Result<ImageSteps, LowerError>) {
        match lowered {
            Ok(ImageSteps { mut image, steps }) => {
                let placed = self.graph.add(&image.name, steps);
                renumber(&mut image, |id| placed.numbers[id.0 as usize]);
                self.images.push(image);
                self.placed.push(placed);
            }
            Err(error) => self.errors.push(error),
        }
    }

    /// Adds an image as it was in an earlier plan; none where that plan does not have it.
    pub(crate) fn add_again(&mut self, name: &str, last: &mut LastPlan<'_>) -> Option<()> {
        let (mut image, steps) = last.images.remove(name)?;
        let placed = self.graph.add_again(name, steps, &mut last.nodes)?;
        let known = image.nodes().all(|id| last.nodes.number(id).is_some());
        renumber(&mut image, |id| last.nodes.number(id).unwrap_or(id));
        self.images.push(image);
        self.placed.push(placed);
        known.then_some(())
    }

    /// The plan, with where the steps of each image are in it.
    pub(crate) fn finish(self) -> Result<(Plan, Vec<Placed>), Vec<LowerError>> {
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let mut plan = self.graph.finish();
        plan.images = self.images;
        Ok((plan, self.placed))
    }
}

/// An earlier plan, image by image.
#[derive(Debug, Default)]
pub(crate) struct LastPlan<'a> {
    nodes: LastNodes,
    /// By name, with its steps in its own order.
    images: BTreeMap<String, (Image, &'a [NodeId])>,
}

impl<'a> LastPlan<'a> {
    /// `steps` has those of each image, in the order of the images.
    pub(crate) fn new(plan: Plan, steps: &'a [Vec<NodeId>]) -> Self {
        let images = plan.images.into_iter().zip(steps);
        let images = images.map(|(image, steps)| (image.name.clone(), (image, &**steps))).collect();
        Self { nodes: LastNodes::new(plan.nodes), images }
    }
}

fn renumber(image: &mut Image, number: impl Fn(NodeId) -> NodeId) {
    let lists = [&mut image.layers, &mut image.tree, &mut image.verdicts];
    let listed = lists.into_iter().flatten();
    let one = image.secrets.iter_mut().chain([&mut image.stamp]).chain(&mut image.pack);
    listed.chain(one).for_each(|id| *id = number(*id));
}
