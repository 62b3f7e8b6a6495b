//! Edits of files whose content the spec knows: what comes of them, and which do not fit.

use std::borrow::Cow;

use forge_diag::{Diagnostic, SourceMap, codes};
use forge_model::{Content, Edit, ImagePath};

use super::{Declared, Made, Path, SpecTarget};

/// An edit that cannot be made.
pub(super) struct Misfit<'a> {
    path: &'a ImagePath,
    why: String,
    help: String,
    /// The edit.
    asked: Made<'a>,
    /// Who declared the file, where somebody did.
    file: Option<Made<'a>>,
}

impl<'a> SpecTarget<'a> {
    /// Takes over what an edit makes of a file. Of a file that a package brings nothing is known,
    /// before and after.
    pub(super) fn edit(
        &mut self,
        path: &'a ImagePath,
        (edit, create): (&Edit, bool),
        asked: Made<'a>,
    ) {
        let Ok(real) = self.end_of_links(&path.to_string()) else { return };
        let Ok(known) = self.path(&real) else { return };
        let file = known.made.origin.is_some().then_some(known.made);
        let made = matches!(known.what, Path::Removed) && create;
        let edited = if made { created(edit) } else { self.edited(&known.what, path, edit) };
        match edited {
            Some(Ok(what)) => {
                if let Some(real) = ImagePath::new(&real) {
                    let before = self.paths.replace(real.clone(), Declared { what, made: asked });
                    self.edited.entry(real).or_default().extend(before);
                }
            }
            Some(Err((why, help))) => {
                self.misfits.push(Misfit { path, why, help, asked, file });
            }
            None => {}
        }
    }

    /// What an edit makes of what stands at a path, or why it cannot be, with help.
    fn edited(&self, what: &Path<'a>, path: &ImagePath, edit: &Edit) -> Option<Edited<'a>> {
        let (content, mode, owner, group) = match what {
            Path::File { content, mode, owner, group } => (content, *mode, *owner, *group),
            Path::Directory { .. } => {
                let help = format!("name a file below it: \"{path}/…\"");
                return Some(Err(("it is a directory".to_owned(), help)));
            }
            Path::Removed => {
                let help = format!("declare it: `file \"{path}\" {{ content … }}`");
                return Some(Err(("nothing in the image makes it".to_owned(), help)));
            }
            // Secrets come last of all, and the end of links is none.
            Path::Secret { .. } | Path::Opaque { .. } | Path::Link { .. } => return None,
        };
        let bytes = match &**content {
            Content::Text(text) => text.clone().into_bytes(),
            Content::Source(file) => self.sources.read(&file.path).ok()?.to_vec(),
        };
        Some(match edit.apply(&bytes).map(String::from_utf8) {
            Ok(Ok(text)) => {
                let content = Cow::Owned(Content::Text(text));
                Ok(Path::File { content, mode, owner, group })
            }
            Ok(Err(_)) => Ok(Path::Opaque { mode, owner, group }),
            Err(error) => Err((error.to_string(), error.help().to_owned())),
        })
    }
}

/// The file that an edit makes where there is none.
fn created(edit: &Edit) -> Option<Edited<'static>> {
    let text = String::from_utf8(edit.apply(&[]).ok()?).ok()?;
    let content = Cow::Owned(Content::Text(text));
    Some(Ok(Path::File { content, mode: 0o644, owner: "root", group: "root" }))
}

type Edited<'a> = Result<Path<'a>, (String, String)>;

/// Edits that the spec knows not to fit their files, with the places of both.
pub fn misfits(target: &SpecTarget<'_>, map: &SourceMap) -> Vec<Diagnostic> {
    let span = |made: &Made<'_>| {
        let origin = made.origin?;
        map.span_at(&origin.file, origin.line, origin.column)
    };
    let diagnostic = |misfit: &Misfit<'_>| {
        let Misfit { path, why, help, asked, file } = misfit;
        let mut found =
            Diagnostic::error(codes::SPEC_EDIT, format!("`{path}` cannot be edited: {why}"))
                .help(help.clone());
        if let Some(asked) = span(asked) {
            found = found.at(asked, "edited here");
        }
        match file.as_ref().and_then(span) {
            Some(file) => found.and(file, "what it holds"),
            None => found,
        }
    };
    target.misfits.iter().map(diagnostic).collect()
}
