//! Profiles that stand in a project, as its plan has them.

use std::collections::BTreeMap;

use forge_model::{InspecProfile, SourceFile};

use crate::{Options, ProfileSource, Waivers, outline};

/// Reads a file of the project as the plan saw it, or says why not.
pub type ReadSource<'a> = &'a dyn Fn(&SourceFile) -> Result<Vec<u8>, String>;

/// A profile of the project, with whoever reads its files.
#[derive(Clone, Copy)]
pub struct ProjectProfile<'a> {
    /// What is declared.
    pub profile: &'a InspecProfile,
    /// Reads its files.
    pub read: ReadSource<'a>,
}

impl std::fmt::Debug for ProjectProfile<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProjectProfile").field(&self.profile.name).finish()
    }
}

impl ProjectProfile<'_> {
    /// How it is run: with the inputs that it is given, and without the controls that it skips.
    pub fn options(&self) -> Options {
        let mut waivers = Waivers::default();
        for skip in &self.profile.skips {
            waivers.skip(&skip.control, &skip.because);
        }
        // Text of JSON is text of YAML.
        let input =
            |input: &forge_model::InspecInput| (input.name.clone(), input.value.to_string());
        let inputs = self.profile.inputs.iter().map(input).collect();
        Options { inputs, waivers, ..Options::default() }
    }
}

impl ProfileSource for ProjectProfile<'_> {
    fn read(&self, directory: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let prefix = format!("{directory}/");
        let mut found = BTreeMap::new();
        for file in &self.profile.files {
            let Some(inside) = file.path.strip_prefix(&prefix) else { continue };
            // The directory of another profile may stand below this one's.
            if outline::is_part(inside) {
                found.insert(inside.to_owned(), (self.read)(file)?);
            }
        }
        Ok(found)
    }
}
