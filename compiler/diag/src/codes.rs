//! The catalogue of codes. A code's name is stable. Each has a page in the book, which is part of
//! the binary: a code without a page does not compile.

use crate::Severity;

/// A kind of finding.
#[derive(Clone, Copy)]
pub struct Code {
    /// `forge::spec::unknown`.
    pub name: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// What a finding of this kind is when nobody says otherwise. Only warnings can be allowed.
    pub severity: Severity,
    /// Its page of the book, in Markdown.
    pub page: &'static str,
}

impl Code {
    /// The name without `forge::`, as people write it.
    pub fn short(self) -> &'static str {
        self.name.strip_prefix("forge::").unwrap_or(self.name)
    }
}

/// A code is its name.
impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Code {}

impl PartialOrd for Code {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Code {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(other.name)
    }
}

impl std::hash::Hash for Code {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! catalogue {
    ($($severity:ident $constant:ident = $group:literal $name:literal: $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Code = Code {
                name: concat!("forge::", $group, "::", $name),
                meaning: $meaning,
                severity: Severity::$severity,
                page: include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../../book/src/errors/", $group, "/", $name, ".md"
                )),
            };
        )*

        /// Every code, in the order of the catalogue.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

catalogue! {
    Error SYNTAX_SIZE = "syntax" "size": "A file or a text is larger, or something is more, than any spec needs";
    Error SYNTAX_DEPTH = "syntax" "depth": "Blocks, comments, images, roles or a template are nested deeper than any spec needs";
    Error SYNTAX_ENCODING = "syntax" "encoding": "A text is not UTF-8, or holds NUL";
    Error SYNTAX_INVISIBLE = "syntax" "invisible": "A text holds invisible control characters";
    Error SYNTAX_KDL = "syntax" "kdl": "A text is not KDL";
    Error SYNTAX_UNCLOSED = "syntax" "unclosed": "A block, comment or text has no end, or ends twice";
    Error SYNTAX_BARE = "syntax" "bare": "A value is written without quotes";
    Error SYNTAX_KEYWORD = "syntax" "keyword": "`true`, `false` or `null` without `#`";
    Error SYNTAX_INTERPOLATION = "syntax" "interpolation": "`${name}` outside of quotes";
    Error SYNTAX_NUMBER = "syntax" "number": "A number is not what it looks like";
    Error SYNTAX_TYPE = "syntax" "type": "A value has another type than asked for";
    Error SYNTAX_MISSING = "syntax" "missing": "A node lacks an argument, a property or a child";
    Error SYNTAX_EMPTY = "syntax" "empty": "A node that says nothing";
    Error SYNTAX_UNKNOWN_NODE = "syntax" "unknown-node": "A node that nothing knows";
    Error SYNTAX_UNKNOWN_PROPERTY = "syntax" "unknown-property": "A property that nothing reads";
    Error SYNTAX_ARGUMENT = "syntax" "argument": "An argument that nothing reads";
    Error SYNTAX_ANNOTATION = "syntax" "annotation": "A type annotation, which means nothing here";
    Error SYNTAX_DUPLICATE = "syntax" "duplicate": "Something is given twice that may stand once";
    Error SPEC_PROJECT = "spec" "project": "The project has no usable `forge.kdl` or cannot be listed";
    Error SPEC_UNDEFINED = "spec" "undefined": "A name that nothing declares";
    Error SPEC_DUPLICATE = "spec" "duplicate": "Two declarations with one name";
    Error SPEC_CYCLE = "spec" "cycle": "Roles or images that need each other";
    Error SPEC_MATRIX = "spec" "matrix": "A matrix of images that cannot be spread out";
    Warning SPEC_MATRIX_UNUSED = "spec" "matrix-unused": "A cell or an exception of a matrix that no image has";
    Error SPEC_DROP_ROLE = "spec" "drop-role": "A `drop-role` that drops nothing";
    Error SPEC_VALUE = "spec" "value": "A value that its place does not allow";
    Error SPEC_CHOICE = "spec" "choice": "A word that is none of those that its place knows";
    Error SPEC_NAME = "spec" "name": "A name that what it names cannot have";
    Error SPEC_CONFLICT = "spec" "conflict": "Two parts of an image that declare the same thing differently";
    Warning SPEC_OVERRIDE_UNUSED = "spec" "override-unused": "An `override=#true` that overrides nothing";
    Error SPEC_EDIT = "spec" "edit": "A line or setting that does not fit the file that it edits";
    Error SPEC_SUDOERS = "spec" "sudoers": "A rule that sudo could not read";
    Error SPEC_PHASE = "spec" "phase": "A place in the order of the phases that cannot be";
    Error SPEC_UNIT = "spec" "unit": "A text that systemd would not read as it is written";
    Error SPEC_BELOW_FILE = "spec" "below-file": "A path declared below a file";
    Error SPEC_REMOVED = "spec" "removed": "A path that is declared and taken away";
    Warning SPEC_HIDDEN = "spec" "hidden": "A path that a mount of the running node lies over";
    Warning SPEC_TYPO = "spec" "typo": "A word that nothing is known by, and that is nearly a known one";
    Warning SPEC_IMAGE_NAME = "spec" "image-name": "An image whose name says another cluster or type than it sets";
    Error SPEC_PROFILE_VALUES = "spec" "profile-values": "One profile used with different values in an image";
    Error SPEC_MODE = "spec" "mode": "A file mode that is not a quoted octal number";
    Error SPEC_PATH = "spec" "path": "A path that is none of an image or of the builder";
    Error SPEC_PROJECT_PATH = "spec" "project-path": "A path that leaves the project";
    Error SPEC_SOURCE = "spec" "source": "A file of the project that cannot be read";
    Error SPEC_HASH = "spec" "hash": "A file with another hash than the spec says";
    Error SPEC_PARAM_TYPE = "spec" "param-type": "A declaration of a parameter that cannot be";
    Error SPEC_PARAM_MISSING = "spec" "param-missing": "A parameter without a value";
    Error SPEC_PARAM_UNKNOWN = "spec" "param-unknown": "A value for a parameter that nothing declares";
    Error SPEC_PARAM_VALUE = "spec" "param-value": "A parameter's value of another type or out of its range";
    Error SPEC_PARAM_UNDEFINED = "spec" "param-undefined": "A `${name}` or `when` of a parameter that has no value here";
    Warning SPEC_PARAM_UNUSED = "spec" "param-unused": "A parameter that nothing reads";
    Warning SPEC_SOURCE_UNUSED = "spec" "source-unused": "A source that nothing unpacks and no script reads";
    Warning SPEC_SET_UNUSED = "spec" "set-unused": "A value set by an image that nothing reads";
    Error SPEC_TEXT = "spec" "text": "A `${…}` that cannot be put in";
    Warning SPEC_PLACEHOLDER = "spec" "placeholder": "A `{{ name }}` in a text of a spec, or a `${name}` in a template";
    Error SPEC_TEMPLATE = "spec" "template": "A template that cannot be rendered";
    Error SPEC_TEMPLATE_UNDEFINED = "spec" "template-undefined": "A template's variable that has no value";
    Error SPEC_SECRET = "spec" "secret": "A secret in a file that every account could use";
    Error SPEC_SECRET_PACKED = "spec" "secret-packed": "A secret in an image that is packed for everyone";
    Error SPEC_IDENTITY = "spec" "identity": "An identity in an image, which all its nodes would share";
    Error SPEC_OWNER = "spec" "owner": "An owner or group that nothing in the image can create";
    Error REQUIRES_UNIT = "requires" "unit": "A unit is enabled or required that nothing in the image installs";
    Error REQUIRES_PROGRAM = "requires" "program": "A program is run that the image does not have, or cannot run";
    Error REQUIRES_MODULE = "requires" "module": "A kernel module is loaded that the image itself forbids";
    Error REQUIRES_FILE = "requires" "file": "A file is read that nothing in the image makes";
    Error LINT_UNKNOWN = "lint" "unknown": "A level for a code that does not exist";
    Error LINT_ERROR = "lint" "error": "A level for a code whose findings are always errors";
    Warning LINT_UNUSED = "lint" "unused": "An `allow` that allows nothing";
    Error CONTROL_EMPTY = "control" "empty": "A control that asks nothing";
    Error CONTROL_VALUE = "control" "value": "An expectation's value that its property does not allow";
    Error CONTROL_DUPLICATE = "control" "duplicate": "Two controls with one id";
    Error CONTROL_INSPEC = "control" "inspec": "A profile of Ruby that cannot be used as it is declared";
    Error CONTROL_WAIVER = "control" "waiver": "A waiver that cannot count as it is declared";
    Warning CONTROL_EXPIRED = "control" "expired": "A waiver that has ended, or ends soon";
    Error CONTROL_REGEX = "control" "regex": "A pattern that is no regular expression";
    Warning CONTROL_PATH = "control" "path": "A control about a path that is nearly one that the spec makes";
    Error CONTROL_VIOLATED = "control" "violated": "A control that the spec itself breaks";
    Error PLAN_GRAPH = "plan" "graph": "Steps that the phases of an image do not allow";
}

/// The code with this name.
pub fn find(name: &str) -> Option<Code> {
    ALL.iter().copied().find(|code| code.name == name)
}

/// What a person's way to write a code means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// This code.
    One(Code),
    /// Codes of several groups have this name.
    Several(Vec<Code>),
    /// None has it.
    None,
}

/// The code that a person means: `forge::spec::mode`, `spec::mode`, or `mode` alone where no other
/// group has a code of that name.
pub fn look_up(written: &str) -> Found {
    let name = written.strip_prefix("forge::").unwrap_or(written);
    let same = |code: &&Code| {
        let short = code.short();
        short == name || short.split_once("::").is_some_and(|(_, last)| last == name)
    };
    let mut found: Vec<Code> = ALL.iter().filter(same).copied().collect();
    match found.len() {
        0 => Found::None,
        1 => found.pop().map_or(Found::None, Found::One),
        _ => Found::Several(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_well_formed() {
        let mut names: Vec<_> = ALL.iter().map(|code| code.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for code in ALL {
            let parts: Vec<_> = code.name.split("::").collect();
            assert!(parts.len() == 3 && parts[0] == "forge", "{}", code.name);
            assert!(!code.meaning.ends_with('.'), "{}", code.meaning);
            assert_eq!(find(code.name), Some(*code));
            assert_eq!(look_up(code.name), Found::One(*code));
            assert_eq!(look_up(code.short()), Found::One(*code));
        }
        assert_eq!(find("forge::spec::nothing"), None);
    }

    #[test]
    fn a_short_name_is_enough_where_it_means_one_code() {
        assert_eq!(look_up("mode"), Found::One(SPEC_MODE));
        assert_eq!(look_up("nothing"), Found::None);
        let Found::Several(codes) = look_up("duplicate") else { panic!("several are so called") };
        assert_eq!(codes, [SYNTAX_DUPLICATE, SPEC_DUPLICATE, CONTROL_DUPLICATE]);
    }

    #[test]
    fn pages_begin_with_their_code() {
        for code in ALL {
            let heading = format!("# {}\n", code.name);
            assert!(
                code.page.starts_with(&heading),
                "{}: {:?}",
                code.name,
                code.page.lines().next()
            );
        }
    }
}
