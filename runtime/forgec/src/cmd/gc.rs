//! `forgec gc`: what no image needs any more goes.

use std::collections::BTreeSet;

use forge_model::{Digest, PackageList};
use forge_store::{GcOptions, Store};

use crate::ctx::Ctx;
use crate::exit::{CmdError, Exit};
use crate::runner::SEGMENTS_OF;
use crate::state::ImageState;
use crate::ui::Ui;

/// Remove what no image needs any more: kept is what each image's last build used.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// An image that is no longer wanted; what only it needs goes too
    #[arg(long, value_name = "IMAGE")]
    pub(crate) forget: Vec<String>,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let failed = |error: forge_store::StoreError| CmdError::environment(error.to_string());
    let store = Store::open(ctx.store_dir()).map_err(failed)?;
    // Builds under way are waited for.
    let _lock = store.lock_exclusive().map_err(failed)?;
    let (forgotten, kept): (Vec<_>, Vec<_>) =
        ImageState::all(&store).into_iter().partition(|state| args.forget.contains(&state.image));
    for name in &args.forget {
        if !forgotten.iter().any(|state| state.image == *name) {
            return Err(unknown(name, &kept));
        }
    }
    let options = marks(&store, &kept, args.dry_run);
    let collected = store.collect(&options).map_err(failed)?;
    if !args.dry_run {
        for image in &args.forget {
            ImageState::forget(&store, image);
        }
        drop_stale_segments(&store, &kept);
    }
    if ui.json() {
        let value = serde_json::json!({
            "version": 1,
            "dry_run": args.dry_run,
            "records": collected.records,
            "layers": collected.layers,
            "blobs": collected.blobs,
            "packages": collected.debs,
            "indexes": collected.indexes,
            "logs": collected.logs,
            "bytes": collected.bytes,
            "images_kept": kept.len(),
        });
        ui.out(&format!("{value:#}"));
        return Ok(Exit::Done);
    }
    let verb = if args.dry_run { "would go" } else { "gone" };
    ui.out(&format!(
        "{verb}: {} records, {} layers, {} blobs, {} packages, {} indexes, {} logs, {} MiB\n\
         kept: what {} images need",
        collected.records,
        collected.layers,
        collected.blobs,
        collected.debs,
        collected.indexes,
        collected.logs,
        collected.bytes >> 20,
        kept.len()
    ));
    Ok(Exit::Done)
}

/// An image that is to be forgotten and was never built with this store.
fn unknown(name: &str, built: &[ImageState]) -> CmdError {
    let error = CmdError::user(format!("no image `{name}` was built with this store"));
    match forge_syntax::closest(name, built.iter().map(|state| state.image.as_str())) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// Everything that the last builds of these images used.
fn marks(store: &Store, kept: &[ImageState], dry_run: bool) -> GcOptions {
    let mut options = GcOptions { dry_run, ..GcOptions::default() };
    for state in kept {
        for step in &state.steps {
            let keys = store.action_keys(&step.plan_key);
            options.records.extend(keys.into_iter().map(|key| (step.kind.clone(), key)));
            if step.kind == "resolve" {
                let list = store.read_blob(&step.output).ok();
                let list =
                    list.and_then(|bytes| serde_json::from_slice::<PackageList>(&bytes).ok());
                let packages = list.into_iter().flat_map(|list| list.packages);
                options.debs.extend(packages.map(|package| package.sha256));
            }
        }
        let segments: Option<BTreeSet<Digest>> = store.read_ref(SEGMENTS_OF, &state.image);
        let blobs = segments.into_iter().flatten();
        let blobs = blobs.filter_map(|key| store.read_ref::<Digest>("segments", &key.to_hex()));
        options.blobs.extend(blobs);
    }
    options
}

fn drop_stale_segments(store: &Store, kept: &[ImageState]) {
    let used: BTreeSet<String> = kept
        .iter()
        .filter_map(|state| store.read_ref::<BTreeSet<Digest>>(SEGMENTS_OF, &state.image))
        .flatten()
        .map(|key| key.to_hex())
        .collect();
    for name in store.ref_names("segments") {
        if !used.contains(&name) {
            store.remove_ref("segments", &name);
        }
    }
}
