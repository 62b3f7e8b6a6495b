//! Samples of controls, in KDL and of Ruby.

use super::*;

pub(super) fn inspec_profile() -> InspecProfile {
    InspecProfile {
        name: "linux".to_owned(),
        directory: "vendor/linux".to_owned(),
        files: vec![source("inspec.yml"), source("controls/a.rb")],
        inputs: vec![
            InspecInput { name: "umask".to_owned(), value: json!("027"), origin: origin() },
            InspecInput {
                name: "shells".to_owned(),
                value: json!(["a", 2, true]),
                origin: origin(),
            },
        ],
        skips: ["os-14", "os-15"].map(skip).into(),
        level: Level::Tree,
        interpreter: "1.0".to_owned(),
        controls: vec!["os-01".to_owned(), "os-02".to_owned()],
        makes_ids: true,
        origin: origin(),
    }
}

pub(super) fn skip(control: &str) -> InspecSkip {
    let (control, because) = (control.to_owned(), "started over the network".to_owned());
    InspecSkip { control, because, origin: origin() }
}

/// What is asked of systems that run.
fn of_what_runs() -> [(Resource, Property, Operator); 3] {
    let text = |text: &str| Scalar::Text(text.to_owned());
    [
        (
            Resource::Port { number: "22".to_owned() },
            Property::Process,
            Operator::OneOf(vec![text("sshd")]),
        ),
        (
            Resource::Process { name: "slurmd".to_owned() },
            Property::RunBy,
            Operator::OneOf(vec![text("root")]),
        ),
        (
            Resource::Filesystem { path: "/scratch".to_owned() },
            Property::Free,
            Operator::Min(Scalar::Integer(1)),
        ),
    ]
}

pub(super) fn checks() -> Vec<Check> {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let name = || "munge".to_owned();
    let asked = [
        (Resource::File { path: "/etc/a".to_owned() }, Property::Exists, Operator::IsTrue),
        (Resource::Package { name: name() }, Property::Version, Operator::Min(text("2.0"))),
        (Resource::User { name: name() }, Property::Uid, Operator::OneOf(vec![Scalar::Integer(1)])),
        (Resource::Group { name: name() }, Property::Gid, Operator::Max(Scalar::Integer(210))),
        (Resource::Service { name: name() }, Property::Enabled, Operator::IsTrue),
        (
            Resource::KernelParameter { name: "vm.swappiness".to_owned() },
            Property::Value,
            Operator::Below(Scalar::Integer(10)),
        ),
        (
            Resource::KernelModule { name: "nvme".to_owned() },
            Property::Blacklisted,
            Operator::IsTrue,
        ),
        (
            Resource::SshdConfig { path: "/etc/ssh/sshd_config".to_owned() },
            Property::Set,
            Operator::Keyword { key: "Port".to_owned(), values: vec![Scalar::Integer(22)] },
        ),
        (Resource::Mount { path: "/scratch".to_owned() }, Property::Mounted, Operator::IsTrue),
        (
            Resource::Command { line: "true".to_owned(), timeout: 30 },
            Property::Stdout,
            Operator::Matches("^a".to_owned()),
        ),
        (
            Resource::File { path: "/etc/b".to_owned() },
            Property::Size,
            Operator::Above(Scalar::Integer(0)),
        ),
        (
            Resource::File { path: "/etc/c".to_owned() },
            Property::Content,
            Operator::Includes(text("x")),
        ),
        (
            Resource::File { path: "/etc/d".to_owned() },
            Property::Setting,
            Operator::Setting {
                key: "a".to_owned(),
                values: vec![text("b"), Scalar::Bool(true)],
                separator: "=".to_owned(),
                section: Some("s".to_owned()),
            },
        ),
        (
            Resource::File { path: "/etc/e".to_owned() },
            Property::Setting,
            Operator::Document {
                pointer: "/a".to_owned(),
                values: vec![text("b"), Scalar::Null],
                format: crate::DocumentFormat::Json,
            },
        ),
    ];
    asked
        .into_iter()
        .chain(of_what_runs())
        .map(|(resource, property, operator)| Check::Resource {
            resource,
            expectations: vec![Expectation {
                property,
                negated: false,
                operator,
                origin: origin(),
            }],
            origin: origin(),
        })
        .collect()
}

pub(super) fn control() -> Control {
    let mut choices = checks();
    let only_if = choices.split_off(8);
    Control {
        id: "a-1".to_owned(),
        profile: "policy".to_owned(),
        impact: 0.5,
        title: "title".to_owned(),
        description: "description".to_owned(),
        // A tag may have any name, also those of parts that do not count.
        tags: [("origin", "nist"), ("code", "x")].map(|(a, b)| (a.into(), b.into())).into(),
        checks: vec![Check::AnyOf { checks: choices, origin: origin() }],
        only_if,
        level: Some(Level::Tree),
        run: true,
        code: "control \"a-1\"".to_owned(),
        origin: origin(),
    }
}
