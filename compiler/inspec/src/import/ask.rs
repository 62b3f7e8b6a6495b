//! What must hold, between Ruby and KDL.

use forge_model::{Operator, Property, Resource, Scalar};

/// A demand, or what several of them make.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    All(Vec<Ask>),
    Any(Vec<Ask>),
    One(One),
}

/// One expectation on one resource.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct One {
    pub(super) on: Resource,
    pub(super) property: Property,
    pub(super) operator: Operator,
    pub(super) negated: bool,
}

/// Demands that one choice of several may grow to when it is taken apart.
const MOST: usize = 24;

impl Ask {
    pub(super) fn one(on: &Resource, property: Property, operator: Operator) -> Self {
        Self::One(One { on: on.clone(), property, operator, negated: false })
    }

    /// The property is true.
    pub(super) fn flag(on: &Resource, property: Property) -> Self {
        Self::one(on, property, Operator::IsTrue)
    }

    /// Equals one of these.
    pub(super) fn one_of(on: &Resource, property: Property, values: Vec<Scalar>) -> Self {
        Self::one(on, property, Operator::OneOf(values))
    }

    pub(super) fn matches(on: &Resource, property: Property, pattern: impl Into<String>) -> Self {
        Self::one(on, property, Operator::Matches(pattern.into()))
    }

    /// Something has the property at all.
    pub(super) fn there(on: &Resource, property: Property) -> Self {
        match property {
            Property::Mode => {
                Self::one(on, property, Operator::Min(Scalar::Text("0000".to_owned())))
            }
            _ => Self::matches(on, property, ""),
        }
    }

    /// The path leads to something.
    pub(super) fn leads(on: &Resource) -> Self {
        Self::matches(on, Property::LeadsTo, "")
    }

    /// The opposite.
    ///
    /// A link that leads nowhere neither exists nor is absent in KDL, so that of `exists` is said by where
    /// the path leads.
    pub(super) fn not(self) -> Self {
        match self {
            Self::All(asks) => Self::Any(asks.into_iter().map(Self::not).collect()),
            Self::Any(asks) => Self::All(asks.into_iter().map(Self::not).collect()),
            Self::One(One {
                on: on @ Resource::File { .. },
                property: Property::Exists,
                negated,
                ..
            }) => match Self::leads(&on) {
                Self::One(leads) => Self::One(One { negated: !negated, ..leads }),
                other => other,
            },
            Self::One(one) => Self::One(One { negated: !one.negated, ..one }),
        }
    }

    pub(super) fn not_if(self, negated: bool) -> Self {
        if negated { self.not() } else { self }
    }

    pub(super) fn always() -> Self {
        Self::All(Vec::new())
    }

    pub(super) fn never() -> Self {
        Self::Any(Vec::new())
    }

    /// Whether it holds whatever there is; none where that depends.
    pub(super) fn constant(&self) -> Option<bool> {
        match self {
            Self::All(asks) if asks.iter().all(|ask| ask.constant() == Some(true)) => Some(true),
            Self::All(asks) if asks.iter().any(|ask| ask.constant() == Some(false)) => Some(false),
            Self::Any(asks) if asks.iter().any(|ask| ask.constant() == Some(true)) => Some(true),
            Self::Any(asks) if asks.iter().all(|ask| ask.constant() == Some(false)) => Some(false),
            _ => None,
        }
    }

    /// As KDL has it: demands all of which must hold, each of them one or one of several, of which
    /// each is about one resource. None where that grows too large.
    pub(super) fn clauses(&self) -> Option<Vec<Clause>> {
        let mut clauses: Vec<Clause> = Vec::new();
        for clause in self.spread()? {
            if !clauses.contains(&clause) {
                clauses.push(clause);
            }
        }
        Some(plain(clauses))
    }

    fn spread(&self) -> Option<Vec<Clause>> {
        Some(match self {
            Self::One(one) => vec![vec![vec![one.clone()]]],
            Self::All(asks) => {
                let mut all = Vec::new();
                for ask in asks {
                    all.extend(ask.spread()?);
                }
                all
            }
            Self::Any(asks) => {
                let mut parts: Vec<Vec<Clause>> = Vec::new();
                for ask in absorbed(asks) {
                    let clauses = plain(ask.spread()?);
                    parts.push(match together(&clauses) {
                        Some(choice) => vec![vec![choice]],
                        None => clauses,
                    });
                }
                let mut all: Vec<Clause> = vec![Vec::new()];
                for clauses in parts {
                    let mut longer = Vec::new();
                    for before in &all {
                        for clause in &clauses {
                            let mut joined = before.clone();
                            for choice in clause {
                                if !joined.contains(choice) {
                                    joined.push(choice.clone());
                                }
                            }
                            longer.push(joined);
                        }
                    }
                    if longer.len() > MOST {
                        return None;
                    }
                    all = longer;
                }
                all
            }
        })
    }
}

/// Choices, one of which must hold; each is demands on one resource.
pub(super) type Clause = Vec<Vec<One>>;

/// Several demands on one resource are one choice.
fn together(clauses: &[Clause]) -> Option<Vec<One>> {
    let mut ones: Vec<One> = Vec::new();
    for clause in clauses {
        let [choice] = clause.as_slice() else { return None };
        ones.extend(choice.iter().cloned());
    }
    let first = ones.first()?.on.clone();
    ones.iter().all(|one| one.on == first).then_some(ones)
}

/// In one of several, what is beside the opposite of another need not be said: `a and not b, or b`.
fn absorbed(asks: &[Ask]) -> Vec<Ask> {
    let opposite = |one: &Ask| asks.contains(&one.clone().not());
    asks.iter()
        .map(|ask| match ask {
            Ask::All(parts) => Ask::All(
                parts
                    .iter()
                    .filter(|part| !matches!(part, Ask::One(_)) || !opposite(part))
                    .cloned()
                    .collect(),
            ),
            other => other.clone(),
        })
        .collect()
}

/// Takes away what others say already: that something is there beside what asks more of it, and the two
/// halves of "there is nothing at the path".
fn plain(clauses: Vec<Clause>) -> Vec<Clause> {
    let alone = |clause: &Clause| match clause.as_slice() {
        [choice] => match choice.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        },
        _ => None,
    };
    let ones: Vec<One> = clauses.iter().filter_map(alone).collect();
    let is_there =
        |one: &One| !one.negated && Ask::there(&one.on, one.property) == Ask::One(one.clone());
    let implied = |one: &One| {
        let leads = one.property == Property::LeadsTo;
        is_there(one)
            && ones.iter().any(|other| {
                let asks_more = other.property == one.property || leads && needs_it(other);
                other.on == one.on && asks_more && !other.negated && other != one
            })
    };
    let kept = clauses.into_iter().filter(|clause| !alone(clause).is_some_and(|one| implied(&one)));
    let there: Vec<&Resource> =
        ones.iter().filter(|one| needs_it(one)).map(|one| &one.on).collect();
    let mut left: Vec<Clause> = Vec::new();
    for clause in kept {
        let open = |choice: &Vec<One>| match choice.as_slice() {
            [one] => !(nowhere(one) && there.contains(&&one.on)),
            _ => true,
        };
        left.push(if clause.len() > 1 {
            clause.into_iter().filter(open).collect()
        } else {
            clause
        });
    }
    bits(absent(left), &there)
}

/// Whether it fails where nothing is at the path.
fn needs_it(one: &One) -> bool {
    matches!(one.on, Resource::File { .. })
        && !one.negated
        && !matches!(one.property, Property::Type | Property::LinkTarget | Property::Setting)
}

/// The path leads to nothing.
fn nowhere(one: &One) -> bool {
    one.negated
        && one.property == Property::LeadsTo
        && one.operator == Operator::Matches(String::new())
}

/// Bits of one mode, each asked for by itself, as one demand: those that must be there, and those that
/// must not be where something must be there.
fn bits(clauses: Vec<Clause>, there: &[&Resource]) -> Vec<Clause> {
    let bits_of = |clause: &Clause| {
        let [choice] = clause.as_slice() else { return None };
        let [one] = choice.as_slice() else { return None };
        if one.property != Property::Mode {
            return None;
        }
        let octal = |bits: &str| u32::from_str_radix(bits, 8).ok();
        let bits = match &one.operator {
            Operator::Min(Scalar::Text(bits)) => octal(bits)?,
            Operator::Max(Scalar::Text(most)) if !one.negated => {
                return Some((one.on.clone(), true, 0o7777 & !octal(most)?));
            }
            _ => return None,
        };
        let joins = !one.negated || bits.is_power_of_two() && there.contains(&&one.on);
        joins.then(|| (one.on.clone(), one.negated, bits))
    };
    let found: Vec<(Resource, bool, u32)> = clauses.iter().filter_map(bits_of).collect();
    let mut done: Vec<(Resource, bool)> = Vec::new();
    let mut left = Vec::new();
    for clause in clauses {
        let Some((on, negated, _)) = bits_of(&clause) else {
            left.push(clause);
            continue;
        };
        if done.contains(&(on.clone(), negated)) {
            continue;
        }
        let same = found.iter().filter(|(other, not, _)| *other == on && *not == negated);
        let all = same.fold(0, |all, (_, _, bits)| all | bits);
        let text = |bits: u32| Scalar::Text(format!("{bits:04o}"));
        let operator =
            if negated { Operator::Max(text(0o7777 & !all)) } else { Operator::Min(text(all)) };
        let one = One { on: on.clone(), property: Property::Mode, operator, negated: false };
        left.push(vec![vec![one]]);
        done.push((on, negated));
    }
    left
}

/// No link and nothing that one leads to.
fn absent(clauses: Vec<Clause>) -> Vec<Clause> {
    let no_link = |on: &Resource| One {
        on: on.clone(),
        property: Property::Type,
        operator: Operator::OneOf(vec![Scalar::Text("symlink".to_owned())]),
        negated: true,
    };
    let pairs: Vec<One> = clauses
        .iter()
        .filter_map(|clause| clause.first()?.first())
        .filter(|one| nowhere(one) && clauses.contains(&vec![vec![no_link(&one.on)]]))
        .cloned()
        .collect();
    let mut left = Vec::new();
    for clause in clauses {
        let replaced = pairs.iter().find(|one| clause == vec![vec![(*one).clone()]]);
        if pairs.iter().any(|one| clause == vec![vec![no_link(&one.on)]]) {
            continue;
        }
        left.push(match replaced {
            Some(one) => vec![vec![One {
                property: Property::Exists,
                operator: Operator::IsTrue,
                ..one.clone()
            }]],
            None => clause,
        });
    }
    left
}
