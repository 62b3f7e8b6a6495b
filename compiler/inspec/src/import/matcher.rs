//! `it` and `its` with a matcher as demands of KDL.
//!
//! Each rule gives the verdict that the matcher gives, on what is absent too. What no demand is equal
//! to is refused, in words that stand behind "needs Ruby: ".

use forge_model::{Operator, Property, Resource, Scalar};

use super::ask::{Ask, One};
use super::values::{self, texts};
use crate::matchers::{Kind, Matcher};
use crate::resources::only_running;
use crate::value::Value;

/// What is described.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subject {
    pub(super) on: Resource,
    /// `directory(…)`, which exists only as one.
    pub(super) directory: bool,
}

pub(super) type Asked = Result<Ask, String>;

/// Why a matcher is refused.
fn no_equal(matcher: &Matcher) -> String {
    format!("`{}` has no equal in KDL", matcher.description())
}

impl Subject {
    /// What no control of KDL may name.
    pub(super) fn check(&self) -> Result<(), String> {
        let subject = self.on.subject();
        match &self.on {
            Resource::File { path } if only_running(path).is_some() => {
                Err(format!("only a running system has `{path}`"))
            }
            Resource::Service { name } if name.contains('/') => {
                Err(format!("`{name}` names no unit"))
            }
            _ if subject.trim().is_empty() => Err("it names nothing".to_owned()),
            _ => Ok(()),
        }
    }

    fn is(&self, property: Property) -> Ask {
        Ask::flag(&self.on, property)
    }

    fn leads_to(&self, kind: &str) -> Ask {
        Ask::one_of(&self.on, Property::LeadsTo, vec![Scalar::Text(kind.to_owned())])
    }

    pub(super) fn is_link(&self) -> Ask {
        Ask::one_of(&self.on, Property::Type, vec![Scalar::Text("symlink".to_owned())])
    }

    fn exists(&self) -> Option<Ask> {
        Some(match &self.on {
            Resource::File { .. } if self.directory => self.leads_to("directory"),
            Resource::File { .. } | Resource::User { .. } | Resource::Group { .. } => {
                self.is(Property::Exists)
            }
            _ => return None,
        })
    }

    /// All of these bits, or within them.
    pub(super) fn mode(&self, operator: fn(Scalar) -> Operator, bits: u32) -> Ask {
        Ask::one(&self.on, Property::Mode, operator(Scalar::Text(format!("{bits:04o}"))))
    }

    /// Some of these bits; false for what is absent.
    fn any_bit(&self, bits: u32) -> Ask {
        if bits.is_power_of_two() {
            return self.mode(Operator::Min, bits);
        }
        Ask::All(vec![Ask::leads(&self.on), self.mode(Operator::Max, 0o7777 & !bits).not()])
    }

    /// None of these bits, or nothing at all.
    fn no_bit(&self, bits: u32) -> Ask {
        let bit = |at: u32| 1_u32 << at;
        let each = (0..12).map(bit).filter(|bit| bits & bit != 0);
        Ask::All(each.map(|bit| self.mode(Operator::Min, bit).not()).collect())
    }

    fn some_bits(&self, bits: u32, negated: bool) -> Ask {
        if negated { self.no_bit(bits) } else { self.any_bit(bits) }
    }
}

/// `it { should matcher }`.
pub(super) fn it(subject: &Subject, matcher: &Matcher, negated: bool) -> Asked {
    let refused = || no_equal(matcher);
    let plain = matcher.chained.borrow().is_empty();
    let flag = |property| Ok(Ask::flag(&subject.on, property).not_if(negated));
    match (&matcher.kind, &subject.on) {
        (Kind::Exist(args), on) if args.is_empty() && plain => match (on, negated) {
            // As a person would write it: a link that leads nowhere fails there.
            (Resource::File { .. }, true) if !subject.directory => Ok(Ask::One(One {
                on: on.clone(),
                property: Property::Exists,
                operator: Operator::IsTrue,
                negated: true,
            })),
            _ => Ok(subject.exists().ok_or_else(refused)?.not_if(negated)),
        },
        (Kind::Strict(name), Resource::Package { .. }) if *name == "installed" => {
            flag(Property::Installed)
        }
        (Kind::Strict(name), Resource::Service { .. }) => {
            predicate(subject, &format!("{name}?"), &[])
                .ok_or_else(refused)
                .map(|ask| ask.not_if(negated))
        }
        (Kind::Access(name), Resource::File { .. }) => access(subject, name, matcher, negated),
        (Kind::Predicate(name, args), _) if plain => {
            match (&**name, args.as_slice(), &subject.on) {
                ("more_permissive_than", [Value::Str(most)], Resource::File { .. }) => {
                    more_permissive(subject, most, negated)
                }
                ("setuid", [], Resource::File { .. }) => Ok(special(subject, 0o4000, negated)),
                ("setgid", [], Resource::File { .. }) => Ok(special(subject, 0o2000, negated)),
                ("sticky", [], Resource::File { .. }) => Ok(special(subject, 0o1000, negated)),
                (name, args, _) => predicate(subject, &format!("{name}?"), args)
                    .ok_or_else(refused)
                    .map(|ask| ask.not_if(negated)),
            }
        }
        _ => Err(refused()),
    }
}

/// A bit of a mode, which is asked of nil where nothing is there: that fails either way.
fn special(subject: &Subject, bits: u32, negated: bool) -> Ask {
    if negated {
        Ask::All(vec![Ask::leads(&subject.on), subject.no_bit(bits)])
    } else {
        subject.mode(Operator::Min, bits)
    }
}

/// A method that says yes or no; of what is absent, no.
pub(super) fn predicate(subject: &Subject, name: &str, args: &[Value]) -> Option<Ask> {
    let on = &subject.on;
    let text = |value: &str| Scalar::Text(value.to_owned());
    Some(match (on, name, args) {
        (_, "exist?" | "exists?", []) => subject.exists()?,
        (
            Resource::File { .. },
            "file?" | "directory?" | "block_device?" | "character_device?" | "pipe?" | "socket?",
            [],
        ) => subject.leads_to(name.trim_end_matches('?')),
        (Resource::File { .. }, "symlink?", []) => subject.is_link(),
        (Resource::File { .. }, "mode?", [Value::Int(mode)]) => {
            let mode = u32::try_from(*mode).ok().filter(|mode| *mode <= 0o7777)?;
            Ask::one_of(on, Property::Mode, vec![Scalar::Text(format!("{mode:04o}"))])
        }
        (Resource::File { .. }, "owned_by?" | "grouped_into?", [Value::Str(name_of)]) => {
            let named = values::account(name_of)?;
            let property = if name == "owned_by?" { Property::Owner } else { Property::Group };
            Ask::one_of(on, property, vec![text(&named)])
        }
        (Resource::Package { .. }, "installed?", []) => Ask::flag(on, Property::Installed),
        // A masked unit is not loaded.
        (Resource::Service { .. }, "installed?", []) => Ask::All(vec![
            Ask::flag(on, Property::Installed),
            Ask::flag(on, Property::Masked).not(),
        ]),
        (Resource::Service { .. }, "enabled?", []) => Ask::flag(on, Property::Enabled),
        (Resource::Service { .. }, "running?", []) => Ask::flag(on, Property::Running),
        (Resource::Port { .. }, "listening?", []) => Ask::flag(on, Property::Listening),
        (Resource::KernelModule { .. }, "disabled?", []) => Ask::flag(on, Property::Disabled),
        (Resource::KernelModule { .. }, "blacklisted?", []) => {
            Ask::Any(vec![Ask::flag(on, Property::Blacklisted), Ask::flag(on, Property::Disabled)])
        }
        _ => return None,
    })
}

/// `be_readable`, `.by('other')`.
fn access(subject: &Subject, name: &str, matcher: &Matcher, negated: bool) -> Asked {
    let bit = match name {
        "readable" => 4,
        "writable" => 2,
        _ => 1,
    };
    let chained = matcher.chained.borrow();
    let by = match chained.as_slice() {
        [] => None,
        [(by, args)] if &**by == "by" => match args.as_slice() {
            [by] => by.as_text(),
            _ => return Err(no_equal(matcher)),
        },
        _ => return Err(no_equal(matcher)),
    };
    let mask = match by {
        None | Some("all") => bit | bit << 3 | bit << 6,
        Some("owner") => bit << 6,
        Some("group") => bit << 3,
        Some("other" | "others") => bit,
        Some(_) => return Err(no_equal(matcher)),
    };
    let bits = subject.some_bits(mask, negated);
    Ok(match (subject.directory, negated) {
        (false, _) => bits,
        (true, false) => Ask::All(vec![subject.leads_to("directory"), bits]),
        (true, true) => Ask::Any(vec![subject.leads_to("directory").not(), bits]),
    })
}

/// Bits of 0777 beyond the most; other bits do not count.
fn more_permissive(subject: &Subject, most: &str, negated: bool) -> Asked {
    let octal = most.len() >= 3 && most.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let most = u32::from_str_radix(most, 8).ok().filter(|most| octal && *most <= 0o777);
    let Some(most) = most else { return Err("the mode is none".to_owned()) };
    let beyond = 0o777 ^ most;
    if !negated {
        return Ok(subject.any_bit(beyond));
    }
    Ok(Ask::Any(vec![subject.mode(Operator::Max, 0o7777 & !beyond), Ask::leads(&subject.on).not()]))
}

/// `its('attribute') { should matcher }`.
pub(super) fn its(subject: &Subject, attribute: &str, matcher: &Matcher, negated: bool) -> Asked {
    let (name, as_text) = match attribute.strip_suffix(".to_s") {
        Some(name) => (name, true),
        None => (attribute, false),
    };
    let refused = || format!("`{attribute}` of {} has no equal in KDL", subject.on);
    let (property, kind) = property(&subject.on, name).ok_or_else(refused)?;
    let on = &subject.on;
    let not_this = || format!("`{attribute}`: {}", no_equal(matcher));
    if as_text {
        // Of nothing it is the empty text, which includes nothing.
        return match (&matcher.kind, kind) {
            (Kind::Include(parts), Of::Text | Of::Account) if negated => {
                let parts = parts.iter().map(|part| part.as_str().filter(|part| !part.is_empty()));
                let parts: Option<Vec<_>> = parts.collect();
                let one = |part: &std::rc::Rc<str>| {
                    let part = Scalar::Text(part.to_string());
                    Ask::one(on, property, Operator::Includes(part)).not()
                };
                Ok(Ask::All(parts.ok_or_else(not_this)?.into_iter().map(one).collect()))
            }
            _ => Err(not_this()),
        };
    }
    let parameter = matches!(on, Resource::KernelParameter { .. });
    if matches!(matcher.kind, Kind::Nil) {
        if parameter && !negated {
            return Err(format!("`{attribute}`: a kernel has a value where no file sets one"));
        }
        let there = match (property, on) {
            (Property::Value | Property::Version | Property::Home | Property::Shell, _) => {
                Ask::there(on, property)
            }
            (Property::Content, _) => subject.leads_to("file"),
            (Property::Mode, Resource::File { .. }) => Ask::leads(on),
            _ => return Err(not_this()),
        };
        return Ok(there.not_if(!negated));
    }
    let of = values::Of { on, property };
    let asked = match kind {
        Of::Number => of.number(matcher, negated),
        Of::Mode => of.mode(matcher, negated)?,
        Of::Account => of.account(matcher, negated),
        Of::Text => of.text(matcher, negated),
        Of::Type => of.kind(matcher, negated),
        Of::Parameter => of.parameter(matcher, negated),
        Of::Groups => groups(on, matcher, negated),
        Of::Members => members(on, property, matcher, negated),
    };
    let asked = asked.ok_or_else(not_this)?;
    // In KDL what is unset is no value; in Ruby nothing passes for want of one.
    Ok(if parameter && negated { Ask::All(vec![Ask::there(on, property), asked]) } else { asked })
}

/// What an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Number,
    Mode,
    /// The name of an account or a group.
    Account,
    Text,
    Type,
    /// A number where it looks like one, and a text elsewhere.
    Parameter,
    Groups,
    /// One of several texts.
    Members,
}

/// The property that an attribute is, and its type.
pub(super) fn property(on: &Resource, attribute: &str) -> Option<(Property, Of)> {
    Some(match (on, attribute) {
        (Resource::File { .. }, "mode") => (Property::Mode, Of::Mode),
        (Resource::File { .. }, "owner") => (Property::Owner, Of::Account),
        (Resource::File { .. }, "group") => (Property::Group, Of::Account),
        (Resource::File { .. }, "size") => (Property::Size, Of::Number),
        (Resource::File { .. }, "content") => (Property::Content, Of::Text),
        (Resource::File { .. }, "type") => (Property::Type, Of::Type),
        (Resource::Package { .. }, "version") => (Property::Version, Of::Text),
        (Resource::User { .. }, "uid") => (Property::Uid, Of::Number),
        (Resource::User { .. }, "group" | "groupname") => (Property::Group, Of::Account),
        (Resource::User { .. }, "groups") => (Property::Groups, Of::Groups),
        (Resource::User { .. }, "home") => (Property::Home, Of::Text),
        (Resource::User { .. }, "shell") => (Property::Shell, Of::Text),
        (Resource::Group { .. }, "gid") => (Property::Gid, Of::Number),
        (Resource::KernelParameter { .. }, "value") => (Property::Value, Of::Parameter),
        (Resource::Port { .. }, "protocols") => (Property::Protocol, Of::Members),
        (Resource::Port { .. }, "processes") => (Property::Process, Of::Members),
        (Resource::Port { .. }, "addresses") => (Property::Address, Of::Members),
        (Resource::Filesystem { .. }, "type") => (Property::FileSystem, Of::Text),
        (Resource::Command { .. }, "exit_status") => (Property::ExitStatus, Of::Number),
        (Resource::Command { .. }, "stdout") => (Property::Stdout, Of::Text),
        (Resource::Command { .. }, "stderr") => (Property::Stderr, Of::Text),
        _ => return None,
    })
}

/// What a list includes; one of nothing includes nothing.
fn members(on: &Resource, property: Property, matcher: &Matcher, negated: bool) -> Option<Ask> {
    let Kind::Include(parts) = &matcher.kind else { return None };
    let one = |part: &std::rc::Rc<str>| {
        Ask::one_of(on, property, vec![Scalar::Text(part.to_string())]).not_if(negated)
    };
    Some(Ask::All(texts(parts)?.iter().map(one).collect()))
}

/// `InSpec` counts the primary group among them. A user who is absent has none, and fails either way.
fn groups(on: &Resource, matcher: &Matcher, negated: bool) -> Option<Ask> {
    let Kind::Include(parts) = &matcher.kind else { return None };
    let mut all = vec![Ask::flag(on, Property::Exists)];
    for group in texts(parts)? {
        let named = values::account(&group)?;
        let has = Ask::Any(vec![
            Ask::one(on, Property::Groups, Operator::Includes(Scalar::Text(named.clone()))),
            Ask::one_of(on, Property::Group, vec![Scalar::Text(named)]),
        ]);
        all.push(has.not_if(negated));
    }
    Some(Ask::All(all))
}
