use forge_model::{Check, Control, Level, Property, Resource};

/// The cheapest built target that can judge a control: `running` needs a booted container, a
/// command an un-booted one, everything else the tree. A control that states its level is judged
/// no earlier, and one that is not judged is in the way of nothing. (The spec is always tried as well, and never the answer here.)
pub fn level_of(control: &Control) -> Level {
    if !control.run {
        return Level::Tree;
    }
    let needed = control.checks.iter().chain(&control.only_if).map(check_level).max();
    let stated = control.level.unwrap_or(Level::Tree);
    needed.unwrap_or(Level::Tree).max(stated).max(Level::Tree)
}

fn check_level(check: &Check) -> Level {
    match check {
        Check::AnyOf { checks, origin: _ } => {
            checks.iter().map(check_level).max().unwrap_or(Level::Tree)
        }
        Check::Resource { resource, expectations, origin: _ } => match resource {
            Resource::Command { .. } => Level::Container,
            Resource::Port { .. } | Resource::Process { .. } => Level::Booted,
            Resource::Filesystem { .. } => Level::Node,
            Resource::Service { .. } | Resource::Mount { .. } => {
                let only_booted = |expected: &forge_model::Expectation| {
                    matches!(expected.property, Property::Running | Property::Mounted)
                };
                if expectations.iter().any(only_booted) { Level::Booted } else { Level::Tree }
            }
            Resource::File { .. }
            | Resource::Package { .. }
            | Resource::User { .. }
            | Resource::Group { .. }
            | Resource::KernelParameter { .. }
            | Resource::KernelModule { .. }
            | Resource::SshdConfig { .. } => Level::Tree,
        },
    }
}
