use std::collections::BTreeMap;

use crate::{Code, Diagnostic, Severity, Span, codes};

/// What a project makes of a kind of warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It is not shown.
    Allow,
    /// It is shown.
    Warn,
    /// It is an error.
    Deny,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Warn, Self::Deny];

    /// `allow`, `warn`, `deny`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// What a project says of warnings: for all of it, and at single nodes.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    project: BTreeMap<Code, (Level, Span)>,
    nodes: Vec<Allowed>,
}

/// A node that allows a code in all of its text.
#[derive(Clone, Debug)]
struct Allowed {
    code: Code,
    node: Span,
    written: Span,
}

impl Levels {
    /// Gives a code a level in the whole project; the place of an earlier one for it is returned.
    pub fn set(&mut self, code: Code, level: Level, written: Span) -> Option<Span> {
        self.project.insert(code, (level, written)).map(|(_, earlier)| earlier)
    }

    /// Allows a code in the text of one node.
    pub fn allow_at(&mut self, code: Code, node: Span, written: Span) {
        self.nodes.push(Allowed { code, node, written });
    }

    /// Takes back what was said of the whole project.
    pub fn forget_project(&mut self) {
        self.project.clear();
    }

    /// Adds what another file says.
    pub fn extend(&mut self, other: Self) {
        self.project.extend(other.project);
        self.nodes.extend(other.nodes);
    }

    /// The findings as the project wants them. An `allow` that allowed nothing is a finding of its
    /// own, as long as no error kept the compiler from looking at everything.
    pub fn apply(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut used = Vec::new();
        let mut kept: Vec<Diagnostic> =
            found.into_iter().filter_map(|one| self.judge(one, &mut used)).collect();
        if kept.iter().any(|one| one.severity == Severity::Error) {
            return kept;
        }
        let unused: Vec<Diagnostic> = self
            .allows()
            .filter(|(_, written)| !used.contains(written))
            .map(|(code, written)| {
                let headline = format!("there is no `{}` to allow", code.short());
                Diagnostic::warning(codes::LINT_UNUSED, headline)
                    .at(written, "allows nothing")
                    .help("take it away")
            })
            .collect();
        // What is said of `lint::unused` itself holds for these too, and is used by them.
        kept.extend(unused.into_iter().filter_map(|one| self.judge(one, &mut used)));
        kept
    }

    fn allows(&self) -> impl Iterator<Item = (Code, Span)> {
        let project = self.project.iter().filter(|(_, (level, _))| *level == Level::Allow);
        let project = project.map(|(code, (_, written))| (*code, *written));
        let nodes = self.nodes.iter().map(|allowed| (allowed.code, allowed.written));
        // Whether it is needed is known only when all others have been looked at.
        project.chain(nodes).filter(|(code, _)| *code != codes::LINT_UNUSED)
    }

    fn judge(&self, mut found: Diagnostic, used: &mut Vec<Span>) -> Option<Diagnostic> {
        if found.severity != Severity::Warning {
            return Some(found);
        }
        let at = found.span();
        let here = |allowed: &&Allowed| {
            allowed.code == found.code && at.is_some_and(|span| allowed.node.contains(span))
        };
        if let Some(allowed) = self.nodes.iter().find(here) {
            used.push(allowed.written);
            return None;
        }
        match self.project.get(&found.code) {
            Some((Level::Allow, written)) => {
                used.push(*written);
                None
            }
            Some((Level::Deny, written)) => {
                found.severity = Severity::Error;
                Some(found.and(*written, "denied here"))
            }
            Some((Level::Warn, _)) | None => Some(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceMap;

    fn warning(at: Span) -> Diagnostic {
        Diagnostic::warning(codes::SPEC_PARAM_UNUSED, "x").at(at, "")
    }

    #[test]
    fn a_node_weighs_more_than_the_project_and_the_project_more_than_the_code() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "x".repeat(100));
        let (inside, outside) = (Span::new(file, 12, 14), Span::new(file, 50, 52));
        let (node, written) = (Span::new(file, 10, 20), Span::new(file, 11, 12));
        let mut levels = Levels::default();
        levels.set(codes::SPEC_PARAM_UNUSED, Level::Deny, Span::new(file, 90, 92));
        levels.allow_at(codes::SPEC_PARAM_UNUSED, node, written);
        let found = levels.apply(vec![warning(inside), warning(outside)]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].span(), found[0].severity), (Some(outside), Severity::Error));
    }

    #[test]
    fn an_allow_that_allows_nothing_is_found_unless_errors_hide_it() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "x".repeat(100));
        let at = Span::new(file, 1, 2);
        let mut levels = Levels::default();
        levels.set(codes::SPEC_PARAM_UNUSED, Level::Allow, at);
        let found = levels.apply(Vec::new());
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [codes::LINT_UNUSED]);
        assert!(levels.apply(vec![warning(at)]).is_empty());
        let error = Diagnostic::error(codes::SPEC_CONFLICT, "x").at(at, "");
        assert_eq!(levels.apply(vec![error]).len(), 1);
        levels.set(codes::LINT_UNUSED, Level::Allow, Span::new(file, 5, 6));
        assert!(levels.apply(Vec::new()).is_empty());
    }
}
