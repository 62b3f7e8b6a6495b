/// How a text of settings is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What begins a comment.
    pub comment: String,
    /// A comment is one only at the beginning of a line.
    pub standalone_comments: bool,
    /// A key keeps all its values, not only the last.
    pub multiple_values: bool,
    /// Groups of the assignment that are values.
    pub values: usize,
    /// What separates lines beside newlines.
    pub line_separator: Option<String>,
    /// Lines `[name]` begin a group.
    pub groups: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            comment: "#".to_owned(),
            standalone_comments: false,
            multiple_values: false,
            values: 1,
            line_separator: None,
            groups: true,
        }
    }
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// One text.
    Text(Option<String>),
    /// The values of one line, where a line has several.
    Several(Vec<Option<String>>),
    /// The values of all lines with the key.
    List(Vec<Vec<Option<String>>>),
}

/// The key and the values of a line.
pub type Assignment = (String, Vec<Option<String>>);

/// Settings in the order of the text, and those below `[name]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimpleConfig {
    /// Outside of groups.
    pub settings: Vec<(String, Setting)>,
    /// By group.
    pub groups: Vec<(String, Vec<(String, Setting)>)>,
}

impl SimpleConfig {
    /// Reads a text as the configurations of many programs are read: a line is an assignment, the
    /// begin of a group, or a key without a value. `assignment` takes a line apart.
    pub fn parse<E>(
        text: &str,
        options: &Options,
        assignment: &mut dyn FnMut(&str) -> Result<Option<Assignment>, E>,
    ) -> Result<Self, E> {
        let mut config = Self::default();
        let separated;
        let text = match &options.line_separator {
            Some(separator) => {
                separated = text.replace(|c: char| separator.contains(c), "\n");
                separated.as_str()
            }
            None => text,
        };
        let mut group = None;
        for line in text.split_terminator('\n') {
            let line = without_comment(line, options);
            if let Some((key, values)) = assignment(line)? {
                config.assign(group, key, values, options);
            } else if let Some(name) = group_name(line).filter(|_| options.groups) {
                // A group that begins again begins anew.
                config.groups.retain(|(known, _)| known != name);
                config.groups.push((name.to_owned(), Vec::new()));
                group = Some(config.groups.len() - 1);
            } else if !line.trim().is_empty() {
                config.imply(group, line.trim(), options);
            }
        }
        Ok(config)
    }

    fn list(&mut self, group: Option<usize>) -> &mut Vec<(String, Setting)> {
        match group.and_then(|at| self.groups.get_mut(at)) {
            Some((_, settings)) => settings,
            None => &mut self.settings,
        }
    }

    fn assign(
        &mut self,
        group: Option<usize>,
        key: String,
        values: Vec<Option<String>>,
        options: &Options,
    ) {
        let list = self.list(group);
        let known = list.iter_mut().find(|(known, _)| *known == key);
        if options.multiple_values {
            match known {
                Some((_, Setting::List(all))) => all.push(values),
                Some((_, other)) => *other = Setting::List(vec![values]),
                None => list.push((key, Setting::List(vec![values]))),
            }
            return;
        }
        let setting = if options.values == 1 {
            Setting::Text(values.into_iter().next().flatten())
        } else {
            Setting::Several(values)
        };
        match known {
            Some((_, old)) => *old = setting,
            None => list.push((key, setting)),
        }
    }

    fn imply(&mut self, group: Option<usize>, key: &str, options: &Options) {
        let empty = if options.multiple_values {
            Setting::List(Vec::new())
        } else {
            Setting::Text(Some(String::new()))
        };
        let list = self.list(group);
        match list.iter_mut().find(|(known, _)| known == key) {
            Some(_) if options.multiple_values => {}
            Some((_, old)) => *old = empty,
            None => list.push((key.to_owned(), empty)),
        }
    }
}

/// A line up to its comment.
fn without_comment<'a>(line: &'a str, options: &Options) -> &'a str {
    match line.find(options.comment.as_str()).filter(|_| !options.comment.is_empty()) {
        None => line,
        Some(0) => "",
        Some(at) => {
            let before = &line[..at];
            if options.standalone_comments && !before.trim().is_empty() { line } else { before }
        }
    }
}

/// The name in `[name]` at the end of a line.
fn group_name(line: &str) -> Option<&str> {
    let inner = line.trim_end().strip_suffix(']')?;
    let at = inner.find('[')?;
    let name = &inner[at + 1..];
    (!name.is_empty() && !name.contains(']')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, options: &Options) -> SimpleConfig {
        let mut by_equals =
            |line: &str| {
                let pair = line.split_once('=');
                Ok::<_, ()>(pair.map(|(key, value)| {
                    (key.trim().to_owned(), vec![Some(value.trim().to_owned())])
                }))
            };
        SimpleConfig::parse(text, options, &mut by_equals).unwrap()
    }

    fn text(value: &str) -> Setting {
        Setting::Text(Some(value.to_owned()))
    }

    #[test]
    fn settings_comments_and_groups() {
        let config = parse(
            "a = 1 # one\na=2\nbare\n# none\n[g]\nk=v\n  \n[h]\nx=#\n[g]\nk=w\n",
            &Options::default(),
        );
        let settings = [("a".to_owned(), text("2")), ("bare".to_owned(), text(""))];
        assert_eq!(config.settings, settings);
        let groups = [
            ("h".to_owned(), vec![("x".to_owned(), text(""))]),
            ("g".to_owned(), vec![("k".to_owned(), text("w"))]),
        ];
        assert_eq!(config.groups, groups);
    }

    #[test]
    fn several_values_and_other_comments() {
        let options = Options {
            multiple_values: true,
            comment: ";".to_owned(),
            standalone_comments: true,
            ..Options::default()
        };
        let config = parse("a=1;2\n;b=3\na=4\nc\n", &options);
        let one = |value: &str| vec![Some(value.to_owned())];
        let settings = [
            ("a".to_owned(), Setting::List(vec![one("1;2"), one("4")])),
            ("c".to_owned(), Setting::List(Vec::new())),
        ];
        assert_eq!(config.settings, settings);
    }
}
