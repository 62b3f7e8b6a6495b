//! The catalogue of codes. A code's name is stable; each has a page in the book.

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code {
    /// `forge::spec::unknown`.
    pub name: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
}

macro_rules! catalogue {
    ($($constant:ident = $name:literal: $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Code = Code { name: $name, meaning: $meaning };
        )*

        /// Every code, in the order of the catalogue.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

catalogue! {
    SYNTAX_LIMIT = "forge::syntax::limit": "A text is larger or nested deeper than any spec needs";
    SYNTAX_ENCODING = "forge::syntax::encoding": "A text is not UTF-8, or holds NUL or invisible control characters";
    SYNTAX_KDL = "forge::syntax::kdl": "A text is not KDL";
    SYNTAX_BARE = "forge::syntax::bare": "A value is written without quotes";
    SYNTAX_NUMBER = "forge::syntax::number": "A number is not what it looks like";
    SYNTAX_TYPE = "forge::syntax::type": "A value has another type than asked for";
    SYNTAX_MISSING = "forge::syntax::missing": "A node lacks an argument, a property or a child";
    SYNTAX_UNKNOWN = "forge::syntax::unknown": "A node, property or argument that nothing knows";
    SYNTAX_DUPLICATE = "forge::syntax::duplicate": "Something is given twice that may stand once";
    SPEC_PROJECT = "forge::spec::project": "The project has no usable `forge.kdl` or cannot be listed";
    SPEC_UNDEFINED = "forge::spec::undefined": "A name that nothing declares";
    SPEC_DUPLICATE = "forge::spec::duplicate": "Two declarations with one name";
    SPEC_CYCLE = "forge::spec::cycle": "Roles or images that need each other";
    SPEC_VALUE = "forge::spec::value": "A value that its place does not allow";
    SPEC_CONFLICT = "forge::spec::conflict": "Two parts of an image that declare the same thing differently";
    SPEC_MODE = "forge::spec::mode": "A file mode that is not a quoted octal number";
    SPEC_PATH = "forge::spec::path": "A path that leaves the project or the image";
    SPEC_SOURCE = "forge::spec::source": "A file of the project that cannot be read";
    SPEC_PARAM_MISSING = "forge::spec::param-missing": "A parameter without a value";
    SPEC_PARAM_UNKNOWN = "forge::spec::param-unknown": "A value for a parameter that nothing declares";
    SPEC_PARAM_UNUSED = "forge::spec::param-unused": "A parameter that nothing reads";
    SPEC_PARAM_VALUE = "forge::spec::param-value": "A parameter's value of another type or out of its range";
    SPEC_TEXT = "forge::spec::text": "A `${name}` that cannot be put in";
    SPEC_TEMPLATE = "forge::spec::template": "A template that cannot be rendered";
    SPEC_SECRET = "forge::spec::secret": "A secret that others could read";
    SPEC_OWNER = "forge::spec::owner": "An owner or group that nothing in the image can create";
    CONTROL_EMPTY = "forge::control::empty": "A control that asks nothing";
    CONTROL_VALUE = "forge::control::value": "An expectation's value that its property does not allow";
    CONTROL_DUPLICATE = "forge::control::duplicate": "Two controls with one id";
    CONTROL_REGEX = "forge::control::regex": "A pattern that is no regular expression";
    CONTROL_VIOLATED = "forge::control::violated": "A control that the spec itself breaks";
    PLAN_GRAPH = "forge::plan::graph": "Steps that the phases of an image do not allow";
}

/// The code with this name.
pub fn find(name: &str) -> Option<Code> {
    ALL.iter().copied().find(|code| code.name == name)
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
        }
        assert_eq!(find("forge::spec::nothing"), None);
    }
}
