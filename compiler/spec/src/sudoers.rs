//! Rules of sudoers(5), read as far as is needed to know that sudo will read them: one rule that it
//! cannot read locks every administrator out.

use std::collections::BTreeSet;
use std::ops::Range;

use forge_model::ImagePath;

use crate::written::{MOST_MISTAKES, Swap, brief};

/// Why sudo could not read a rule: what is wrong, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleMistake {
    pub(crate) why: String,
    pub(crate) help: String,
    /// A word of the rule, and what is meant by it.
    pub(crate) swap: Option<Swap>,
}

type Checked = Result<(), RuleMistake>;

fn mistake(why: impl Into<String>, help: impl Into<String>) -> RuleMistake {
    RuleMistake { why: why.into(), help: help.into(), swap: None }
}

/// A word that is nearly a tag.
fn nearly_a_tag(why: String, word: &str, colon: bool) -> Option<RuleMistake> {
    let near = forge_syntax::closest(word, TAGS)?;
    let (written, text) = if colon {
        (word.to_owned(), near.to_owned())
    } else {
        (word.to_owned(), format!("{near}:"))
    };
    let swap = Some(Swap { written, text, sure: near == word });
    Some(RuleMistake { swap, ..mistake(why, format!("did you mean `{near}:`?")) })
}

/// What a mistake comes to.
pub(crate) const HEADLINE: &str = "sudo could not read this rule";

const FORM: &str = "a rule is `WHO HOST=(AS WHOM) COMMANDS`: `%sudo ALL=(ALL) /usr/bin/systemctl`";

const ALIASES: [&str; 5] = ["User_Alias", "Runas_Alias", "Host_Alias", "Cmnd_Alias", "Cmd_Alias"];

/// Tags of commands, without their colons.
const TAGS: [&str; 16] = [
    "EXEC",
    "NOEXEC",
    "FOLLOW",
    "NOFOLLOW",
    "LOG_INPUT",
    "NOLOG_INPUT",
    "LOG_OUTPUT",
    "NOLOG_OUTPUT",
    "MAIL",
    "NOMAIL",
    "INTERCEPT",
    "NOINTERCEPT",
    "PASSWD",
    "NOPASSWD",
    "SETENV",
    "NOSETENV",
];

/// Options of commands, without their `=`.
const OPTIONS: [&str; 7] = ["ROLE", "TYPE", "NOTBEFORE", "NOTAFTER", "TIMEOUT", "CWD", "CHROOT"];

/// The aliases that the rules so far give a name, with their kinds.
pub(crate) type Aliases = BTreeSet<(&'static str, String)>;

/// Whether sudo reads the file of a path, as Debian has set it up.
pub(crate) fn is_read(path: &ImagePath) -> bool {
    match path.parent() {
        Some(above) if above.as_bytes() == b"etc" => path.file_name() == b"sudoers",
        Some(above) => above.as_bytes() == b"etc/sudoers.d" && !is_passed_over(path.file_name()),
        None => false,
    }
}

/// Names that `@includedir` passes over: those with a dot, and those that end in `~`.
pub(crate) fn is_passed_over(name: &[u8]) -> bool {
    name.contains(&b'.') || name.ends_with(b"~")
}

/// Checks a whole file: comments, empty lines, lines that go on in the next one, and includes may
/// stand in it. Each mistake comes with the bytes of its line.
pub(crate) fn check_file(text: &str) -> Vec<(Range<usize>, RuleMistake)> {
    let mut aliases = Aliases::new();
    let mut found = Vec::new();
    for (place, rule) in logical_lines(text) {
        if found.len() >= MOST_MISTAKES {
            break;
        }
        let rule = rule.trim();
        let include = ["@includedir", "@include", "#includedir", "#include"]
            .into_iter()
            .find_map(|word| rule.strip_prefix(word));
        let checked = match include {
            _ if rule.is_empty() => Ok(()),
            Some(path) => check_include(path),
            None => check_rule(rule, &mut aliases),
        };
        found.extend(checked.err().map(|mistake| (place, mistake)));
    }
    found
}

fn check_include(path: &str) -> Checked {
    let mut reader = Reader { rest: path };
    reader.blanks();
    let named = reader.rest.len() < path.len() && !reader.word(&[])?.is_empty();
    if named && reader.rest.trim().is_empty() {
        return Ok(());
    }
    Err(mistake("what is included is one path", "`@includedir /etc/sudoers.d`"))
}

/// The lines of a file with their places, comments taken out and continued ones joined.
fn logical_lines(text: &str) -> Vec<(Range<usize>, String)> {
    let mut lines: Vec<(Range<usize>, String)> = Vec::new();
    let (mut at, mut open) = (0, false);
    for physical in text.split_inclusive('\n') {
        let line = physical.trim_end_matches(['\n', '\r']);
        let said = without_comment(line);
        let trimmed = said.trim_end_matches([' ', '\t']);
        // A comment ends with its line, whatever stands at its end.
        let goes_on = said.len() == line.len() && trimmed.ends_with('\\') && physical != line;
        let said = if goes_on { &trimmed[..trimmed.len() - 1] } else { said };
        if let Some((place, rule)) = lines.last_mut().filter(|_| open) {
            place.end = at + line.len();
            rule.push_str(said);
        } else {
            let indent = line.len() - line.trim_start().len();
            lines.push((at + indent..at + line.len(), said.to_owned()));
        }
        open = goes_on;
        at += physical.len();
    }
    if let Some((_, rule)) = lines.last_mut().filter(|_| open) {
        // There is no next line.
        rule.push('\\');
    }
    lines
}

/// A line up to its comment. `#1000` is a user's id.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("#include") {
        return line;
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in line.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let rest = &line[at + 1..];
                if !rest.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit()) {
                    return &line[..at];
                }
            }
            _ => {}
        }
    }
    line
}

/// Checks one line of a sudoers file.
pub(crate) fn check_rule(rule: &str, known: &mut Aliases) -> Checked {
    if rule.trim().is_empty() {
        return Err(mistake("it says nothing", FORM));
    }
    if rule.contains(['\n', '\r', '\0']) {
        return Err(mistake("it is more than one line", "give each rule as a text of its own"));
    }
    if rule.ends_with('\\') {
        return Err(mistake("it goes on in the next line", "write it as one line"));
    }
    let mut reader = Reader { rest: rule };
    reader.blanks();
    let rest = reader.rest;
    if rest.starts_with('@') || rest.starts_with("#include") {
        return Err(mistake("what it includes is not looked at", "write the rules themselves"));
    }
    // `#1000` is a user's id.
    let id = rest.strip_prefix('#').is_some_and(|id| id.starts_with(|c: char| c.is_ascii_digit()));
    if rest.starts_with('#') && !id {
        return Err(mistake("a comment says nothing", "write comments in the spec"));
    }
    if let Some(rest) = rest.strip_prefix("Defaults") {
        return defaults(rest);
    }
    if let Some(kind) = ALIASES.into_iter().find(|kind| starts_with_word(rest, kind)) {
        reader.rest = &rest[kind.len()..];
        return aliases(&mut reader, kind, known);
    }
    reader.privileges()
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '\t']))
}

/// `Defaults`, for whom, and settings.
fn defaults(rest: &str) -> Checked {
    let help = "write `Defaults setting`, or `Defaults:user setting=\"value\"`";
    let settings = match rest.chars().next() {
        Some(' ' | '\t') => rest,
        Some('@' | ':' | '!' | '>') => {
            let cut = rest.find([' ', '\t']).unwrap_or(rest.len());
            &rest[cut..]
        }
        _ => return Err(mistake("`Defaults` ends in something else", help)),
    };
    let mut reader = Reader { rest: settings };
    loop {
        reader.blanks();
        while reader.take('!') {}
        let name = reader.word(&['=', '+', '-', ',', '!'])?;
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
        {
            return Err(mistake(format!("`{}` is no setting", brief(name)), help));
        }
        reader.blanks();
        let _sign = reader.take('+') || reader.take('-');
        if reader.take('=') {
            reader.blanks();
            let value = reader.word(&[','])?;
            if value.is_empty() {
                return Err(mistake(format!("`{}` is given no value", brief(name)), help));
            }
        }
        reader.blanks();
        if reader.rest.is_empty() {
            return Ok(());
        }
        if !reader.take(',') {
            return Err(mistake(
                format!("`{}` stands behind a setting", brief(reader.rest)),
                "put a value with blanks in double quotes, and commas between settings",
            ));
        }
    }
}

/// `NAME = list`, with `:` between several.
fn aliases(reader: &mut Reader<'_>, kind: &'static str, known: &mut Aliases) -> Checked {
    let kind = if kind == "Cmd_Alias" { "Cmnd_Alias" } else { kind };
    loop {
        reader.blanks();
        let name = reader.word(&['=', ':', ','])?;
        let good = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if !good || name == "ALL" {
            return Err(mistake(
                format!("`{}` is no name of an alias", brief(name)),
                "capital letters, digits and `_`: `OPERATORS`",
            ));
        }
        reader.blanks();
        if !reader.take('=') {
            return Err(mistake(
                format!("`{}` is given nothing", brief(name)),
                format!("`{kind} {} = …`", brief(name)),
            ));
        }
        if !known.insert((kind, name.to_owned())) {
            return Err(mistake(
                format!("the alias `{}` is given twice", brief(name)),
                "put all of it into one list, or choose another name",
            ));
        }
        match kind {
            "Cmnd_Alias" => reader.list(Reader::command)?,
            _ => reader.list(Reader::name)?,
        }
        reader.blanks();
        if reader.rest.is_empty() {
            return Ok(());
        }
        if !reader.take(':') {
            return Err(mistake(format!("`{}` stands behind the list", brief(reader.rest)), FORM));
        }
    }
}

/// What is left of a rule.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, letter: char) -> bool {
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Up to a blank (sudo knows these two) or one of `stops`; a backslash keeps the next character, and a part in
    /// double quotes is kept whole.
    fn word(&mut self, stops: &[char]) -> Result<&'a str, RuleMistake> {
        let (mut quoted, mut escaped) = (false, false);
        let mut end = self.rest.len();
        for (at, letter) in self.rest.char_indices() {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = !quoted,
                _ if quoted => {}
                letter if " \t".contains(letter) || stops.contains(&letter) => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        if quoted {
            return Err(mistake("a double quote is not closed", "write `\\\"` for a literal one"));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word)
    }

    /// Items with commas between.
    fn list(&mut self, item: fn(&mut Self) -> Checked) -> Checked {
        loop {
            self.blanks();
            item(self)?;
            self.blanks();
            if !self.take(',') {
                return Ok(());
            }
        }
    }

    /// A user, group, host, or an alias of them.
    fn name(&mut self) -> Checked {
        while self.take('!') {
            self.blanks();
        }
        let before = self.rest;
        // `%:group` is one of another system.
        let _other = self.rest.starts_with("%:") && self.take('%') && self.take(':');
        let name = self.word(&[',', '=', '(', ')', ':', '!'])?;
        if name.trim_start_matches(['%', '+', '#']).is_empty() {
            let found = if before.is_empty() { "the end" } else { before };
            return Err(mistake(format!("a name is missing before `{}`", brief(found)), FORM));
        }
        Ok(())
    }

    /// Who may run what, where.
    fn privileges(&mut self) -> Checked {
        let first = self.rest;
        self.list(Self::name)?;
        loop {
            self.blanks();
            if self.rest.starts_with('=') && first.trim_end().starts_with("ALL") {
                let help = "write who may do it before the host: `%sudo ALL=…`";
                return Err(mistake("it does not say who", help));
            }
            if self.rest.is_empty() || self.rest.starts_with('=') {
                return Err(mistake("the host is missing", "write `ALL=` before the commands"));
            }
            self.list(Self::name)?;
            self.blanks();
            if !self.take('=') {
                return Err(mistake("there is no `=` before the commands", FORM));
            }
            self.list(Self::specification)?;
            self.blanks();
            if self.rest.is_empty() {
                return Ok(());
            }
            // Another host with its commands may follow.
            if !self.rest.starts_with(':') || !self.rest.contains('=') {
                return Err(behind_a_command(self.rest));
            }
            let _colon = self.take(':');
        }
    }

    /// As whom, options, tags, a command.
    fn specification(&mut self) -> Checked {
        if self.take('(') {
            self.run_as()?;
        }
        loop {
            self.blanks();
            let word = self.rest.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).next();
            let word = word.unwrap_or_default();
            let behind = &self.rest[word.len()..];
            if word.is_empty() {
                return self.command();
            }
            if let Some(rest) = behind.strip_prefix('=').filter(|_| OPTIONS.contains(&word)) {
                self.rest = rest;
                if self.word(&[','])?.is_empty() {
                    return Err(mistake(format!("`{word}` is given no value"), FORM));
                }
            } else if let Some(rest) = behind.trim_start().strip_prefix(':') {
                if !TAGS.contains(&word) {
                    if word == "ALL" || rest.contains('=') {
                        return self.command();
                    }
                    let why = format!("`{}:` is no tag", brief(word));
                    let near = nearly_a_tag(why.clone(), &brief(word), true);
                    let all = || mistake(why, format!("tags are {}", TAGS.join(", ")));
                    return Err(near.unwrap_or_else(all));
                }
                self.rest = rest;
            } else {
                return self.no_tag(word).map_or_else(|| self.command(), Err);
            }
        }
    }

    /// A tag without its colon: an alias of commands, which it could be too, has nothing but a comma
    /// behind it.
    fn no_tag(&self, word: &str) -> Option<RuleMistake> {
        let behind = self.rest.get(word.len()..).unwrap_or_default();
        let command = behind.trim_start();
        if command.len() == behind.len() || command.starts_with([',', '#']) || word == "ALL" {
            return None;
        }
        if !TAGS.contains(&word) {
            return nearly_a_tag(format!("`{}` is no tag", brief(word)), &brief(word), false);
        }
        let help = format!("write `{word}: {}`", brief(command));
        let swap = Swap { written: word.to_owned(), text: format!("{word}:"), sure: true };
        let why = format!("`{word}` has no colon: it would be an alias of commands");
        Some(RuleMistake { swap: Some(swap), ..mistake(why, help) })
    }

    /// `user, … : group, …)`, either of them left away.
    fn run_as(&mut self) -> Checked {
        self.blanks();
        if !self.rest.starts_with([':', ')']) {
            self.list(Self::name)?;
        }
        self.blanks();
        if self.take(':') {
            self.blanks();
            if !self.rest.starts_with(')') {
                self.list(Self::name)?;
            }
        }
        self.blanks();
        if self.take(')') {
            return Ok(());
        }
        Err(mistake("the `(` before the command is not closed", FORM))
    }

    /// A command with its arguments, `ALL`, or an alias.
    fn command(&mut self) -> Checked {
        while self.take('!') {
            self.blanks();
        }
        if self.rest.starts_with("sha") {
            let digest = self.word(&[':', ','])?;
            if !["sha224", "sha256", "sha384", "sha512"].contains(&digest) || !self.take(':') {
                return Err(mistake(
                    format!("`{}` is no digest of a command", brief(digest)),
                    "`sha256:…`",
                ));
            }
            self.blanks();
            self.word(&[','])?;
            self.blanks();
        }
        if self.rest.starts_with('^') {
            // A regular expression, which may hold anything up to its end.
            let whole = self.rest;
            let end = whole.find('$').map(|end| end + 1);
            let end = end.ok_or_else(|| mistake("the expression does not end in `$`", FORM))?;
            self.rest = &whole[end..];
            return self.arguments();
        }
        let command = self.word(&[',', ':'])?;
        match command {
            "" => Err(mistake("a command is missing", FORM)),
            "ALL" | "list" => Ok(()),
            "sudoedit" => {
                self.blanks();
                if self.rest.starts_with(['/', '*']) {
                    return self.arguments();
                }
                Err(mistake("`sudoedit` names no file", "write the file's path"))
            }
            path if path.starts_with('/') => self.arguments(),
            alias
                if alias
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') =>
            {
                Ok(())
            }
            other => Err(mistake(
                format!("`{}` is no absolute path of a command", brief(other)),
                format!("write where it is: `/usr/bin/{}`", brief(other)),
            )),
        }
    }

    /// The rest of a command, up to `,` or `:`.
    fn arguments(&mut self) -> Checked {
        loop {
            self.blanks();
            if self.rest.is_empty() || self.rest.starts_with([',', ':']) {
                return Ok(());
            }
            if self.rest.starts_with('#') {
                return Err(behind_a_command(self.rest));
            }
            self.word(&[',', ':'])?;
        }
    }
}

fn behind_a_command(rest: &str) -> RuleMistake {
    let letter = rest.chars().next().unwrap_or(' ');
    match letter {
        ':' | '#' => mistake(
            format!("`{letter}` in the arguments of a command means something else"),
            format!("write `\\{letter}`"),
        ),
        _ => mistake(
            format!("`{}` stands behind a command", brief(rest)),
            "put commas between commands",
        ),
    }
}

#[cfg(test)]
mod tests;
