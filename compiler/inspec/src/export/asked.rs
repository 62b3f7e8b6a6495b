//! What an expectation is in Ruby.

use forge_model::{Expectation, Operator, Property, Resource, Scalar};

use super::ruby;

/// An expectation in Ruby: of a resource, or an expression that is true where it holds.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// `it { should exist }`, and `.exist?` in an expression.
    Is { matcher: &'static str, method: &'static str },
    /// `its('owner') { should eq 'root' }`.
    Its { property: &'static str, test: Test },
    /// True where it holds; false where what it asks about is absent.
    Expression(String),
}

/// How a property is compared.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Eq(String),
    In(Vec<String>),
    Order(&'static str, String),
    Include(String),
    Match(String),
}

impl Test {
    fn matcher(&self) -> String {
        match self {
            Self::Eq(value) => format!("eq {value}"),
            Self::In(values) => format!("be_in {}", ruby::list(values)),
            Self::Order(operator, value) => format!("cmp {operator} {value}"),
            Self::Include(value) => format!("include {value}"),
            Self::Match(regex) => format!("match {regex}"),
        }
    }

    /// True where a value is as it should be; false for none.
    fn expression(&self, value: &str) -> String {
        match self {
            Self::Eq(wanted) => format!("({value} == {wanted})"),
            Self::In(wanted) => format!("{}.include?({value})", ruby::list(wanted)),
            Self::Order(operator, wanted) => {
                format!("(!{value}.nil? && {value} {operator} {wanted})")
            }
            Self::Include(wanted) => format!("(!{value}.nil? && {value}.include?({wanted}))"),
            Self::Match(regex) => format!("(!{value}.nil? && {value}.match?({regex}))"),
        }
    }
}

impl Asked {
    /// A line of a `describe` of the resource; none for an expression.
    pub(super) fn line(&self, negated: bool) -> Option<String> {
        let should = if negated { "should_not" } else { "should" };
        match self {
            Self::Is { matcher, .. } => Some(format!("it {{ {should} {matcher} }}")),
            // What is absent includes nothing; InSpec asks a text of what it has none of.
            Self::Its { property, test: test @ Test::Include(_) } if negated => {
                Some(format!("its('{property}.to_s') {{ {should} {} }}", test.matcher()))
            }
            Self::Its { property, test } => {
                Some(format!("its('{property}') {{ {should} {} }}", test.matcher()))
            }
            Self::Expression(_) => None,
        }
    }

    /// True where the expectation holds.
    pub(super) fn expression(&self, resource: &str, negated: bool) -> String {
        let holds = match self {
            Self::Is { method, .. } => format!("{resource}.{method}"),
            Self::Its { property, test } => test.expression(&format!("{resource}.{property}")),
            Self::Expression(text) => text.clone(),
        };
        if negated { format!("!({holds})") } else { holds }
    }
}

/// The resource in Ruby.
pub(super) fn resource(resource: &Resource) -> String {
    let name = |word: &str, name: &str| format!("{word}({})", ruby::text(name));
    match resource {
        Resource::File { path } => name("file", path),
        Resource::Package { name: package } => name("package", package),
        Resource::User { name: user } => name("user", user),
        Resource::Group { name: group } => name("group", group),
        Resource::Service { name: unit } => name("service", unit),
        Resource::KernelParameter { name: parameter } => name("kernel_parameter", parameter),
        Resource::KernelModule { name: module } => name("kernel_module", module),
        Resource::SshdConfig { path } => name("sshd_config", path),
        Resource::Mount { path } => name("mount", path),
        Resource::Port { number } => format!("port({number})"),
        Resource::Process { name: process } => name("processes", process),
        Resource::Filesystem { path } => name("filesystem", path),
        Resource::Command { line, timeout } => {
            format!("command({}, timeout: {timeout})", ruby::text(line))
        }
    }
}

/// The expectation in Ruby; an error says what `InSpec` has no equal of.
pub(super) fn asked(on: &Resource, expected: &Expectation) -> Result<Asked, String> {
    let it = resource(on);
    let is = |matcher, method| Ok(Asked::Is { matcher, method });
    let Expectation { property, negated, operator, .. } = expected;
    match (on, property) {
        // InSpec's `processes` are found by their command lines.
        (Resource::Process { .. }, _) | (_, Property::RunBy) => {
            Err("a process by the kernel's name of it".to_owned())
        }
        (Resource::Filesystem { .. }, Property::FileSystem) => text("type", operator),
        // It counts in KiB there.
        (Resource::Filesystem { .. }, _) | (_, Property::Free) => {
            Err("the bytes of a file system".to_owned())
        }
        // A link that leads nowhere neither exists nor is it absent.
        (Resource::File { .. }, Property::Exists) if *negated => {
            Ok(Asked::Expression(format!("({it}.exist? || {it}.symlink?)")))
        }
        (_, Property::Exists) if !matches!(on, Resource::KernelModule { .. }) => {
            is("exist", "exist?")
        }
        (_, Property::Exists) => Err("whether a kernel of the image has a module".to_owned()),
        (_, Property::Type) => text_of("type", &format!("{it}.type"), operator, "to_s"),
        (_, Property::LeadsTo) => leads_to(&it, operator),
        (_, Property::Owner) => owner("owner", operator),
        (Resource::File { .. }, Property::Group) => owner("group", operator),
        (_, Property::Mode) => mode(&it, operator),
        (_, Property::Content) => output("content", operator),
        (_, Property::Stdout) => output("stdout", operator),
        (_, Property::Stderr) => output("stderr", operator),
        (_, Property::Setting) => setting(on, operator, *negated),
        (_, Property::Size) => number("size", operator),
        (_, Property::Uid) => number("uid", operator),
        (_, Property::Gid) => number("gid", operator),
        (_, Property::ExitStatus) => number("exit_status", operator),
        (_, Property::LinkTarget) => link_target(on, operator),
        (Resource::Service { .. }, Property::Installed) => {
            let masked = format!("{it}.params['LoadState'] == 'masked'");
            Ok(Asked::Expression(format!("({it}.installed? || {masked})")))
        }
        (_, Property::Installed) => is("be_installed", "installed?"),
        (_, Property::Version) => version(on, *negated, operator),
        (_, Property::Group) => text("group", operator),
        (_, Property::Groups) => groups(on, operator),
        (_, Property::Home) => text("home", operator),
        (_, Property::Shell) => text("shell", operator),
        (_, Property::Enabled) => is("be_enabled", "enabled?"),
        (_, Property::Masked) => {
            Ok(Asked::Expression(format!("({it}.params['LoadState'] == 'masked')")))
        }
        (_, Property::Running) => is("be_running", "running?"),
        (_, Property::Value) => value(&it, operator),
        (_, Property::Disabled) => is("be_disabled", "disabled?"),
        (_, Property::Blacklisted) => blacklisted(on),
        (_, Property::Set | Property::Absent) => keyword(on, operator, *negated),
        (_, Property::Listening) => is("be_listening", "listening?"),
        (_, Property::Protocol) => member(&it, "protocols", operator),
        (_, Property::Process) => member(&it, "processes", operator),
        (_, Property::Address) => member(&it, "addresses", operator),
        // InSpec's `mount` is what is mounted now, and its `etc_fstab` knows no units.
        (
            _,
            Property::Configured
            | Property::Source
            | Property::FileSystem
            | Property::Options
            | Property::Mounted,
        ) => Err("what the image says of a mount point".to_owned()),
    }
}

fn literals(values: &[Scalar]) -> Vec<String> {
    values.iter().map(|value| ruby::text(&value.to_string())).collect()
}

fn one_of(mut values: Vec<String>) -> Test {
    if values.len() == 1 { Test::Eq(values.remove(0)) } else { Test::In(values) }
}

fn no_order(operator: &Operator) -> String {
    format!("an order of texts: {operator:?}")
}

fn text(property: &'static str, operator: &Operator) -> Result<Asked, String> {
    let test = match operator {
        Operator::OneOf(values) => one_of(literals(values)),
        Operator::Includes(value) => Test::Include(ruby::text(&value.to_string())),
        Operator::Matches(pattern) => Test::Match(ruby::regex(pattern)?),
        other => return Err(no_order(other)),
    };
    Ok(Asked::Its { property, test })
}

/// A text that `InSpec` has as something else than a text.
fn text_of(
    property: &'static str,
    value: &str,
    operator: &Operator,
    method: &str,
) -> Result<Asked, String> {
    let Asked::Its { test, .. } = text(property, operator)? else {
        return Err(property.to_owned());
    };
    Ok(Asked::Expression(test.expression(&format!("{value}.{method}"))))
}

/// One of several values is among those of a list.
fn member(it: &str, list: &str, operator: &Operator) -> Result<Asked, String> {
    match operator {
        Operator::OneOf(values) => {
            let wanted = ruby::list(&literals(values));
            Ok(Asked::Expression(format!("(!({it}.{list} & {wanted}).empty?)")))
        }
        Operator::Matches(pattern) => {
            let pattern = ruby::regex(pattern)?;
            Ok(Asked::Expression(format!("{it}.{list}.any? {{ |one| one.match?({pattern}) }}")))
        }
        other => Err(format!("of a list: {other:?}")),
    }
}

/// `InSpec` asks for each type by a word of its own.
fn leads_to(it: &str, operator: &Operator) -> Result<Asked, String> {
    let Operator::OneOf(values) = operator else {
        return Err("a part of a type's name".to_owned());
    };
    // No path ends at a link.
    let words = values.iter().map(ToString::to_string).filter(|word| word != "symlink");
    let asked: Vec<_> = words.map(|word| format!("{it}.{word}?")).collect();
    let holds = if asked.is_empty() { "false".to_owned() } else { asked.join(" || ") };
    Ok(Asked::Expression(format!("({holds})")))
}

/// `InSpec` shows a link's target as an absolute path, however it is written.
fn link_target(on: &Resource, operator: &Operator) -> Result<Asked, String> {
    let line = format!("readlink -n {}", ruby::shell(on.subject()));
    let value = format!("command({}).stdout", ruby::text(&line));
    let Asked::Its { test, .. } = text("link_path", operator)? else {
        return Err("a link's target".to_owned());
    };
    let link = format!("{}.symlink?", resource(on));
    Ok(Asked::Expression(format!("({link} && {})", test.expression(&value))))
}

/// An account that the image does not know has a number, which `InSpec` does not show as a name.
fn owner(property: &'static str, operator: &Operator) -> Result<Asked, String> {
    let number = |value: &Scalar| value.to_string().bytes().all(|byte| byte.is_ascii_digit());
    match operator {
        Operator::OneOf(values) if !values.iter().any(number) => text(property, operator),
        Operator::OneOf(_) => Err(format!("the {property} by its number, where it has no name")),
        _ => Err(format!("a part of the {property}'s name, which may be a number")),
    }
}

fn mode(it: &str, operator: &Operator) -> Result<Asked, String> {
    let bits = |value: &Scalar| {
        u32::from_str_radix(&value.to_string(), 8).map_err(|_| format!("the mode `{value}`"))
    };
    let octal = |bits: u32| format!("0{bits:o}");
    let masked = |mask: u32, result: u32| {
        let (mode, mask, result) = (format!("{it}.mode"), octal(mask), octal(result));
        Asked::Expression(format!("(!{mode}.nil? && ({mode} & {mask}) == {result})"))
    };
    match operator {
        Operator::OneOf(values) => {
            let bits = values.iter().map(bits).collect::<Result<Vec<_>, _>>()?;
            let test = one_of(bits.into_iter().map(octal).collect());
            Ok(Asked::Its { property: "mode", test })
        }
        Operator::Max(most) => Ok(masked(0o7777 & !bits(most)?, 0)),
        Operator::Min(least) => Ok(masked(bits(least)?, bits(least)?)),
        other => Err(no_order(other)),
    }
}

/// A text that may end in a newline.
fn output(property: &'static str, operator: &Operator) -> Result<Asked, String> {
    let Operator::OneOf(values) = operator else { return text(property, operator) };
    let both = values.iter().map(ToString::to_string);
    let both = both.flat_map(|value| [ruby::text(&value), ruby::text(&format!("{value}\n"))]);
    Ok(Asked::Its { property, test: Test::In(both.collect()) })
}

fn whole(value: &Scalar) -> Result<String, String> {
    let text = value.to_string();
    let number: i64 = text.trim().parse().map_err(|_| format!("`{text}` as a number"))?;
    Ok(number.to_string())
}

fn number(property: &'static str, operator: &Operator) -> Result<Asked, String> {
    let order =
        |sign: &'static str, value: &Scalar| Ok::<_, String>(Test::Order(sign, whole(value)?));
    let test = match operator {
        Operator::OneOf(values) => one_of(values.iter().map(whole).collect::<Result<Vec<_>, _>>()?),
        Operator::Min(value) => order(">=", value)?,
        Operator::Max(value) => order("<=", value)?,
        Operator::Above(value) => order(">", value)?,
        Operator::Below(value) => order("<", value)?,
        other => return Err(format!("of a number: {other:?}")),
    };
    Ok(Asked::Its { property, test })
}

/// A kernel parameter is a number where it looks like one, and its fields may stand apart by tabs.
fn value(it: &str, operator: &Operator) -> Result<Asked, String> {
    let text = format!("{it}.value.to_s.split.join(' ')");
    let there = |holds: String| Asked::Expression(format!("(!{it}.value.nil? && {holds})"));
    match operator {
        Operator::OneOf(values) => {
            let number = |value: &Scalar| matches!(value, Scalar::Integer(_));
            if values.iter().all(number) {
                return number_of_value(operator);
            }
            let joined = |value: &Scalar| {
                let words = value.to_string();
                ruby::text(&words.split_whitespace().collect::<Vec<_>>().join(" "))
            };
            let wanted: Vec<_> = values.iter().map(joined).collect();
            Ok(there(Test::In(wanted).expression(&text)))
        }
        Operator::Includes(part) => {
            let value = format!("{it}.value.to_s");
            let test = Test::Include(ruby::text(&part.to_string()));
            Ok(there(test.expression(&value)))
        }
        Operator::Matches(pattern) => {
            let value = format!("{it}.value.to_s");
            Ok(there(Test::Match(ruby::regex(pattern)?).expression(&value)))
        }
        _ => number_of_value(operator),
    }
}

fn number_of_value(operator: &Operator) -> Result<Asked, String> {
    number("value", operator)
}

/// Versions have dpkg's order, which is asked of dpkg.
fn version(on: &Resource, negated: bool, operator: &Operator) -> Result<Asked, String> {
    let name = on.subject();
    let compare = |word: &str, wanted: &Scalar| {
        let have = format!("$(dpkg-query -W -f='${{Version}}' {})", ruby::shell(name));
        let line = format!(
            "dpkg --compare-versions \"{have}\" {word} {}",
            ruby::shell(&wanted.to_string())
        );
        format!("command({}).exit_status == 0", ruby::text(&line))
    };
    let holds = match operator {
        Operator::Matches(_) => return text("version", operator),
        Operator::OneOf(values) if !negated => {
            return Ok(Asked::Its { property: "version", test: one_of(literals(values)) });
        }
        Operator::OneOf(values) => {
            let equal: Vec<_> = values.iter().map(|wanted| compare("eq", wanted)).collect();
            format!("({})", equal.join(" || "))
        }
        Operator::Min(wanted) => compare("ge", wanted),
        Operator::Max(wanted) => compare("le", wanted),
        Operator::Above(wanted) => compare("gt", wanted),
        Operator::Below(wanted) => compare("lt", wanted),
        other => return Err(no_order(other)),
    };
    Ok(Asked::Expression(format!("(package({}).installed? && {holds})", ruby::text(name))))
}

/// Supplementary groups, which `InSpec` shows together with the primary one.
fn groups(on: &Resource, operator: &Operator) -> Result<Asked, String> {
    let it = resource(on);
    let has = match operator {
        Operator::Includes(group) => format!("include?({})", ruby::text(&group.to_string())),
        Operator::Matches(pattern) => {
            format!("any? {{ |group| group.match?({}) }}", ruby::regex(pattern)?)
        }
        other => return Err(format!("of a list: {other:?}")),
    };
    let groups = format!("forge_groups.call({})", ruby::text(on.subject()));
    Ok(Asked::Expression(format!("({it}.exist? && {groups}.{has})")))
}

fn blacklisted(on: &Resource) -> Result<Asked, String> {
    let name = on.subject().replace('-', "_");
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("the module `{name}`"));
    }
    // InSpec's own `be_blacklisted` holds of what `install` disables, too.
    let lines =
        "command('modprobe --showconfig').stdout.lines.map { |line| line.strip.tr('-', '_') }";
    Ok(Asked::Expression(format!("{lines}.include?('blacklist {name}')")))
}

/// All that is set is wanted; that it is not so, nothing is.
fn decided(said: &str, wanted: &str, negated: bool) -> Asked {
    Asked::Expression(if negated {
        format!("(!{said}.empty? && !({said} & {wanted}).empty?)")
    } else {
        format!("(!{said}.empty? && ({said} - {wanted}).empty?)")
    })
}

fn setting(on: &Resource, operator: &Operator, negated: bool) -> Result<Asked, String> {
    if let Operator::Document { format, .. } = operator {
        return Err(format!("a place of a {} file", format.name()));
    }
    let Operator::Setting { key, values, separator, section } = operator else {
        return Err("a setting".to_owned());
    };
    let section = section.as_deref().map_or_else(|| "nil".to_owned(), ruby::text);
    let set = format!(
        "forge_settings.call({}, {}, {}, {section})",
        ruby::text(on.subject()),
        ruby::text(key),
        ruby::text(separator.trim())
    );
    Ok(decided(&set, &ruby::list(&literals(values)), negated))
}

fn keyword(on: &Resource, operator: &Operator, negated: bool) -> Result<Asked, String> {
    let Operator::Keyword { key, values } = operator else {
        return Err("a keyword".to_owned());
    };
    let path = ruby::text(on.subject());
    let said = format!("forge_sshd.call({path}, {})", ruby::text(&key.to_ascii_lowercase()));
    if values.is_empty() {
        return Ok(Asked::Expression(format!("(file({path}).file? && {said}.empty?)")));
    }
    let plain = |value: &Scalar| forge_judge::parsers::sshd::sshd_value(key, &value.to_string());
    let wanted: Vec<_> = values.iter().map(|value| ruby::text(&plain(value))).collect();
    Ok(decided(&said, &ruby::list(&wanted), negated))
}
