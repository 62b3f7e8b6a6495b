//! Files from elsewhere, by their hash.

use forge_model::Fetch;
use forge_store::OutputKind;

use super::debian;
use crate::step::{Made, Step};
use crate::{Fault, StepError};

/// Fetches a file into the store.
pub(crate) fn fetch(step: &Step<'_>, fetch: &Fetch) -> Result<Made, StepError> {
    let Fetch { name, url, sha256, origin } = fetch;
    let store = &step.context.store;
    let transaction = store.begin()?;
    let target = transaction.directory().join("fetched");
    let context = debian::context(step)?;
    step.progress(format!("fetching {url}"));
    let found = crate::debian::download(&context, url, &target).map_err(|error| {
        let mut error = StepError::from(error);
        error.message = format!("source `{name}`: {}", error.message);
        error.at(origin)
    })?;
    if found != *sha256 {
        let message = format!(
            "source `{name}` has another hash\n  address   {url}\n  expected  {sha256}\n  found     {found}"
        );
        let help = format!(
            "if the file was changed on purpose, and you trust it, write sha256=\"{found}\""
        );
        return Err(StepError::new(Fault::User, message).help(help).at(origin));
    }
    let (output, size) = store.put_file(&target)?;
    Ok(Made::new(output, OutputKind::Blob, size))
}
