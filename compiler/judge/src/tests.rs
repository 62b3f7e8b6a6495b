use std::collections::BTreeMap;

use forge_model::{
    Check, Control, Expectation, Files as _, Level, Operator, Origin, Property as P, Resource,
    Scalar, Status, Target,
};

use crate::testing::MemoryImage;
use crate::{Recording, judge, level_of, relocate};

type Change = (&'static str, fn(&mut MemoryImage), bool);
type Mutation = (&'static str, fn(&mut MemoryImage, &str, &str));

fn origin() -> Origin {
    Origin::new("profiles/x.kdl", 7, 3)
}

fn expect(property: P, operator: Operator) -> Expectation {
    Expectation { property, negated: false, operator, origin: origin() }
}

fn not(mut expected: Expectation) -> Expectation {
    expected.negated = true;
    expected
}

fn is(property: P) -> Expectation {
    expect(property, Operator::IsTrue)
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

fn eq(property: P, value: &str) -> Expectation {
    expect(property, Operator::OneOf(vec![text(value)]))
}

fn includes(property: P, value: &str) -> Expectation {
    expect(property, Operator::Includes(text(value)))
}

fn matches(property: P, regex: &str) -> Expectation {
    expect(property, Operator::Matches(regex.to_owned()))
}

fn set(key: &str, value: &str) -> Expectation {
    let (values, separator) = (vec![text(value)], "=".to_owned());
    let operator = Operator::Setting { key: key.to_owned(), values, separator, section: None };
    expect(P::Setting, operator)
}

fn check(resource: Resource, expectations: Vec<Expectation>) -> Check {
    Check::Resource { resource, expectations, origin: origin() }
}

fn any_of(checks: Vec<Check>) -> Check {
    Check::AnyOf { checks, origin: origin() }
}

fn control(checks: Vec<Check>) -> Control {
    Control {
        id: "c-1".to_owned(),
        profile: "p".to_owned(),
        impact: 1.0,
        title: String::new(),
        description: String::new(),
        tags: BTreeMap::new(),
        checks,
        only_if: Vec::new(),
        level: None,
        run: true,
        code: String::new(),
        origin: origin(),
    }
}

fn file(path: &str) -> Resource {
    Resource::File { path: path.to_owned() }
}

fn package(name: &str) -> Resource {
    Resource::Package { name: name.to_owned() }
}

fn user(name: &str) -> Resource {
    Resource::User { name: name.to_owned() }
}

fn group(name: &str) -> Resource {
    Resource::Group { name: name.to_owned() }
}

fn service(name: &str) -> Resource {
    Resource::Service { name: name.to_owned() }
}

fn parameter(name: &str) -> Resource {
    Resource::KernelParameter { name: name.to_owned() }
}

fn command(line: &str) -> Resource {
    Resource::Command { line: line.to_owned(), timeout: 1 }
}

fn image() -> MemoryImage {
    let mut image = MemoryImage::default();
    image.file_with(
        "/etc/app.conf",
        "# a\nkey = 1\nother=2\nkey=1\nmixed=1\nmixed=2\n",
        0o640,
        "app",
    );
    image.file("/etc/empty", "");
    image.link("/etc/link", "app.conf");
    image.link("/etc/dangling", "nowhere");
    image.file("/etc/passwd", "root:x:0:0::/root:/bin/bash\nann:x:2001:2000::/home/ann:/bin/zsh\n");
    image.file("/etc/group", "root:x:0:\nhpc:x:2000:\nsudo:x:27:ann\nadm:x:4:ann\n");
    image.file(
        "/var/lib/dpkg/status",
        "Package: munge\nStatus: install ok installed\nVersion: 0.5.15-2\n",
    );
    image.file("/usr/lib/systemd/system/munge.service", "[Unit]");
    image.link("/etc/systemd/system/multi-user.target.wants/munge.service", "/usr/lib/x");
    image.file("/usr/lib/systemd/system/cron.service", "[Unit]");
    image.file("/etc/sysctl.d/10.conf", "net.ipv4.ip_forward = 0\nnet.ipv4.tcp_rmem = 4\t8 16\n");
    image
}

type Case = (Resource, Expectation, Status);

fn assert_cases(target: &MemoryImage, cases: Vec<Case>) {
    for (resource, expected, want) in cases {
        let vacuous = expected.negated;
        let name = crate::describe(&resource, &expected);
        let verdict = judge(&control(vec![check(resource, vec![expected])]), target);
        assert_eq!(verdict.status, want, "{name}: {:?}", verdict.results);
        assert!(vacuous || !verdict.vacuous(), "{name} is not vacuous");
    }
}

use Status::{Error, Failed, NotKnownHere, Passed, Skipped};

#[test]
fn files() {
    let app = || file("/etc/app.conf");
    let number = Scalar::Integer;
    assert_cases(
        &image(),
        vec![
            (app(), is(P::Exists), Passed),
            (file("/no"), is(P::Exists), Failed),
            (file("/no"), not(is(P::Exists)), Passed),
            (file("/etc/dangling"), is(P::Exists), Failed),
            (file("/etc/dangling"), not(is(P::Exists)), Failed),
            (app(), eq(P::Type, "file"), Passed),
            (file("/etc/link"), eq(P::Type, "file"), Failed),
            (file("/etc/link"), eq(P::Type, "symlink"), Passed),
            (file("/etc"), eq(P::Type, "directory"), Passed),
            (file("/etc/link"), eq(P::Mode, "0640"), Passed),
            (file("/etc/link"), eq(P::LinkTarget, "app.conf"), Passed),
            (app(), eq(P::LinkTarget, "app.conf"), Failed),
            (app(), eq(P::Mode, "0644"), Failed),
            (app(), eq(P::Mode, "999"), Error),
            (app(), expect(P::Mode, Operator::Max(text("0644"))), Passed),
            (app(), expect(P::Mode, Operator::Max(text("0604"))), Failed),
            (file("/no"), expect(P::Mode, Operator::Max(text("0777"))), Failed),
            (app(), expect(P::Mode, Operator::Min(text("0600"))), Passed),
            (app(), expect(P::Mode, Operator::Min(text("0604"))), Failed),
            (app(), eq(P::Owner, "app"), Passed),
            (app(), eq(P::Group, "app"), Failed),
            (app(), expect(P::Size, Operator::Above(number(10))), Passed),
            (app(), expect(P::Size, Operator::Below(number(10))), Failed),
            (file("/etc/empty"), expect(P::Size, Operator::OneOf(vec![number(0)])), Passed),
            (app(), includes(P::Content, "key = 1"), Passed),
            (app(), includes(P::Content, "key = 2"), Failed),
            (app(), not(includes(P::Content, "key = 2")), Passed),
            (app(), matches(P::Content, "^other=\\d$"), Passed),
            (app(), matches(P::Content, "^ther"), Failed),
            (app(), matches(P::Content, "("), Error),
            (file("/etc/sysctl.d"), includes(P::Content, "x"), Failed),
            (file("/etc/empty"), eq(P::Content, ""), Passed),
            (app(), set("key", "1"), Passed),
            (app(), set("other", "3"), Failed),
            (app(), set("mixed", "1"), Failed),
            (app(), set("mixed", "2"), Failed),
            (app(), set("absent", "2"), Failed),
            (app(), not(set("other", "3")), Passed),
            (app(), is(P::Enabled), Error),
        ],
    );
}

#[test]
fn packages_accounts_units_parameters() {
    let min = |property, value: Scalar| expect(property, Operator::Min(value));
    let number = |property, value| expect(property, Operator::OneOf(vec![Scalar::Integer(value)]));
    let one_of = expect(P::Value, Operator::OneOf(vec![Scalar::Integer(1), Scalar::Integer(0)]));
    assert_cases(
        &image(),
        vec![
            (package("munge"), is(P::Installed), Passed),
            (package("telnetd"), is(P::Installed), Failed),
            (package("telnetd"), not(is(P::Installed)), Passed),
            (package("munge"), min(P::Version, text("0.5.9")), Passed),
            (package("munge"), min(P::Version, text("0.5.20")), Failed),
            (package("telnetd"), min(P::Version, text("0")), Failed),
            (package("munge"), eq(P::Version, "0:0.5.15-2"), Passed),
            (user("ann"), is(P::Exists), Passed),
            (user("bob"), is(P::Exists), Failed),
            (user("ann"), number(P::Uid, 2001), Passed),
            (user("ann"), eq(P::Group, "hpc"), Passed),
            (user("ann"), includes(P::Groups, "sudo"), Passed),
            (user("ann"), includes(P::Groups, "hpc"), Failed),
            (user("ann"), eq(P::Shell, "/bin/bash"), Failed),
            (user("ann"), eq(P::Home, "/home/ann"), Passed),
            (group("hpc"), number(P::Gid, 2000), Passed),
            (group("none"), number(P::Gid, 2000), Failed),
            (service("munge"), is(P::Installed), Passed),
            (service("munge"), is(P::Enabled), Passed),
            (service("munge.service"), is(P::Masked), Failed),
            (service("munge.timer"), is(P::Enabled), Failed),
            (service("cron"), is(P::Enabled), Failed),
            (service("cron"), not(is(P::Enabled)), Passed),
            (service("munge"), is(P::Running), NotKnownHere),
            (parameter("net.ipv4.ip_forward"), number(P::Value, 0), Passed),
            (parameter("net/ipv4/ip_forward"), one_of, Passed),
            (parameter("net.ipv4.ip_forward"), min(P::Value, Scalar::Integer(1)), Failed),
            (parameter("net.ipv4.tcp_rmem"), eq(P::Value, "4 8 16"), Passed),
            (parameter("net.ipv4.tcp_rmem"), min(P::Value, Scalar::Integer(1)), Error),
            (parameter("vm.swappiness"), number(P::Value, 60), Failed),
            (command("gpus"), number(P::ExitStatus, 0), NotKnownHere),
        ],
    );
}

#[test]
fn commands_run_once() {
    let target = image().container();
    let checks = vec![check(
        command("gpus"),
        vec![
            expect(P::ExitStatus, Operator::OneOf(vec![Scalar::Integer(3)])),
            matches(P::Stdout, "^GPU 1: "),
            eq(P::Stdout, "GPU 0: x\nGPU 1: y"),
            eq(P::Stderr, ""),
        ],
    )];
    let verdict = judge(&control(checks), &target);
    assert_eq!((verdict.status, target.commands_run.get()), (Passed, 1));
    let hangs = vec![check(command("hang"), vec![eq(P::Stdout, "")])];
    let verdict = judge(&control(hangs), &target);
    assert_eq!(verdict.status, Error);
    assert_eq!(verdict.results[0].message.as_deref(), Some("it took longer than 1 s"));
}

#[test]
fn a_pass_that_rests_on_absence_is_marked() {
    let cases = [
        (file("/no"), not(includes(P::Content, "x")), true),
        (file("/no"), not(eq(P::Mode, "0777")), true),
        (file("/no"), not(is(P::Exists)), false),
        (package("telnetd"), not(is(P::Installed)), false),
        (service("telnet"), not(is(P::Enabled)), true),
        (service("cron"), not(is(P::Enabled)), false),
        (parameter("vm.x"), not(eq(P::Value, "1")), true),
        (file("/etc/app.conf"), not(set("absent", "1")), true),
    ];
    for (resource, expected, vacuous) in cases {
        let name = crate::describe(&resource, &expected);
        let verdict = judge(&control(vec![check(resource, vec![expected])]), &image());
        assert_eq!((verdict.status, verdict.vacuous()), (Passed, vacuous), "{name}");
    }
}

type Choice = (&'static str, Vec<Check>, Vec<Check>, Status, usize);

fn pass() -> Check {
    check(file("/etc/empty"), vec![is(P::Exists)])
}

fn fail() -> Check {
    check(file("/no"), vec![is(P::Exists)])
}

fn unknown() -> Check {
    check(command("x"), vec![eq(P::Stdout, "")])
}

fn broken() -> Check {
    check(file("/etc/empty"), vec![matches(P::Content, "(")])
}

/// Name, `only-if`, checks; the status, and how many results are shown.
fn choices() -> Vec<Choice> {
    let half = || check(file("/etc/empty"), vec![is(P::Exists), eq(P::Mode, "0600")]);
    let any = |checks| vec![any_of(checks)];
    vec![
        ("all", vec![], vec![pass(), pass()], Passed, 2),
        ("one fails", vec![], vec![pass(), fail(), unknown()], Failed, 3),
        ("one unknown", vec![], vec![pass(), unknown()], NotKnownHere, 2),
        ("an error is graver", vec![], vec![broken(), fail()], Error, 2),
        ("asks nothing", vec![], vec![], Error, 1),
        ("one of them", vec![], any(vec![fail(), pass(), unknown()]), Passed, 1),
        ("half is not whole", vec![], any(vec![fail(), half()]), Failed, 3),
        ("may hold", vec![], any(vec![fail(), broken(), unknown()]), NotKnownHere, 3),
        ("could not be asked", vec![], any(vec![fail(), broken()]), Error, 2),
        ("condition holds", vec![pass()], vec![fail()], Failed, 1),
        ("condition fails", vec![pass(), fail()], vec![fail()], Skipped, 2),
        ("condition unknown", vec![unknown()], vec![fail()], NotKnownHere, 1),
        ("condition broken", vec![broken()], vec![pass()], Error, 1),
    ]
}

#[test]
fn choices_and_conditions() {
    for (name, only_if, checks, status, results) in choices() {
        let mut control = control(checks);
        control.only_if = only_if;
        let verdict = judge(&control, &image());
        assert_eq!((verdict.status, verdict.results.len()), (status, results), "{name}");
    }
}

#[test]
fn findings_say_what_was_found_and_who_made_it() {
    let found = |resource, expected| {
        let verdict = judge(&control(vec![check(resource, vec![expected])]), &image());
        let result = verdict.results.into_iter().next().unwrap();
        let layer = result.provenance.map(|made| made.layer).unwrap_or_default();
        let [message, evidence] = [result.message, result.evidence].map(Option::unwrap_or_default);
        format!("{} | {message} | {evidence} | {layer}", result.text)
    };
    let cases = [
        (
            found(file("/etc/app.conf"), eq(P::Mode, "0600")),
            "file /etc/app.conf: mode is \"0600\" | it is 0640 |  | layer of /etc/app.conf",
        ),
        (
            found(file("/etc/app.conf"), set("other", "3")),
            "file /etc/app.conf: setting \"other\" is \"3\" | line 3 sets it to \"2\" | \
             /etc/app.conf:3 | layer of /etc/app.conf",
        ),
        (
            found(file("/etc/dangling"), is(P::Exists)),
            "file /etc/dangling: exists | it is a link to `nowhere`, which is absent |  | \
             layer of /etc/dangling",
        ),
        (
            found(service("cron"), is(P::Enabled)),
            "service cron: is enabled | it is not enabled | \
             /usr/lib/systemd/system/cron.service | layer of /usr/lib/systemd/system/cron.service",
        ),
        (
            found(parameter("net.ipv4.ip_forward"), not(eq(P::Value, "0"))),
            "kernel-parameter net.ipv4.ip_forward: value is not \"0\" | it is \"0\" | \
             /etc/sysctl.d/10.conf:1 | layer of /etc/sysctl.d/10.conf",
        ),
        (
            found(file("/etc/app.conf"), not(includes(P::Content, "other=2"))),
            "file /etc/app.conf: content does not include \"other=2\" | \
             the content, 42 bytes, does | /etc/app.conf:3 | layer of /etc/app.conf",
        ),
    ];
    for (got, want) in cases {
        assert_eq!(got, want);
    }
}

/// The client and helper-daemon policy that sites write first.
fn seed_controls() -> Vec<Control> {
    let with = |id: &str, path: &str, more: Vec<Expectation>| {
        let mut expectations = vec![
            is(P::Exists),
            eq(P::Type, "file"),
            eq(P::Owner, "root"),
            eq(P::Group, "root"),
            eq(P::Mode, "0644"),
        ];
        expectations.extend(more);
        let mut control = control(vec![check(file(path), expectations)]);
        control.id = id.to_owned();
        control
    };
    vec![
        with(
            "beegfs-4",
            "/etc/beegfs/beegfs-client.conf",
            vec![set("sysMgmtdHost", "10.225.144.131"), includes(P::Content, "connUseRDMA = true")],
        ),
        with(
            "beegfs-5",
            "/etc/beegfs/beegfs-mounts.conf",
            vec![includes(
                P::Content,
                "/beegfs/pl-active /etc/beegfs/beegfs-client.conf beegfs rw",
            )],
        ),
        with("beegfs-6", "/etc/systemd/system/beegfs-helperd.service", vec![]),
    ]
}

fn seed_image() -> MemoryImage {
    let mut image = MemoryImage::default();
    image.file(
        "/etc/beegfs/beegfs-client.conf",
        "sysMgmtdHost = 10.225.144.131\nconnUseRDMA = true\n",
    );
    image.file(
        "/etc/beegfs/beegfs-mounts.conf",
        "/beegfs/pl-active /etc/beegfs/beegfs-client.conf beegfs rw\n",
    );
    image.file("/etc/systemd/system/beegfs-helperd.service", "[Unit]\n");
    image
}

#[test]
fn every_mutation_of_a_seed_control_is_found() {
    let mutations: [Mutation; 4] = [
        ("mode", |image, path, text| {
            image.file_with(path, text, 0o664, "root");
        }),
        ("owner", |image, path, text| {
            image.file_with(path, text, 0o644, "ann");
        }),
        ("content", |image, path, _| image.file(path, "")),
        ("missing", |image, path, _| image.remove(path)),
    ];
    for control in seed_controls() {
        let Check::Resource { resource: Resource::File { path }, .. } = &control.checks[0] else {
            panic!("a file");
        };
        let whole = seed_image();
        assert_eq!(judge(&control, &whole).status, Passed, "{}", control.id);
        let text = String::from_utf8(whole.read(path).unwrap().unwrap()).unwrap();
        for (name, mutate) in mutations {
            // The unit's control says nothing of its content.
            if name == "content" && control.id == "beegfs-6" {
                continue;
            }
            let mut broken = seed_image();
            mutate(&mut broken, path, &text);
            assert_eq!(judge(&control, &broken).status, Failed, "{} {name}", control.id);
        }
    }
}

#[test]
fn a_record_holds_as_long_as_the_answers_do() {
    let control = control(vec![
        check(file("/etc/app.conf"), vec![is(P::Exists), set("key", "1")]),
        check(file("/etc/absent"), vec![not(is(P::Exists))]),
        check(package("munge"), vec![is(P::Installed)]),
    ]);
    let image = image();
    let record = |target: &dyn Target| {
        let recording = Recording::new(target);
        judge(&control, &recording);
        recording.finish()
    };
    let first = record(&image);
    assert_eq!(first, record(&image));
    assert!(first.still_holds(&image));
    let json = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<crate::Record>(&json).unwrap(), first);
    let changes: [Change; 4] = [
        ("another path", |image| image.file("/etc/other", "x"), true),
        ("content", |image| image.file_with("/etc/app.conf", "key=2", 0o640, "app"), false),
        ("an absent path appears", |image| image.file("/etc/absent", ""), false),
        ("package gone", |image| image.file("/var/lib/dpkg/status", ""), false),
    ];
    for (name, change, holds) in changes {
        let mut other = self::image();
        change(&mut other);
        assert_eq!(first.still_holds(&other), holds, "{name}");
        assert_eq!(record(&other).digest() == first.digest(), holds, "{name}");
    }
}

#[test]
fn what_a_program_printed_is_asked_again() {
    let target = image().container();
    let recording = Recording::new(&target);
    judge(&control(vec![check(command("x"), vec![eq(P::Stdout, "")])]), &recording);
    let record = recording.finish();
    assert!(record.asks_programs() && !record.still_holds(&target));
}

fn port() -> Resource {
    Resource::Port { number: "22".to_owned() }
}

fn process() -> Resource {
    Resource::Process { name: "slurmd".to_owned() }
}

fn filesystem() -> Resource {
    Resource::Filesystem { path: "/scratch".to_owned() }
}

#[test]
fn what_runs_is_asked_of_a_running_system_alone() {
    for target in [image(), image().container()] {
        for (resource, property) in
            [(port(), P::Listening), (process(), P::Running), (filesystem(), P::Free)]
        {
            let control = control(vec![check(resource, vec![is(property)])]);
            let verdict = judge(&control, &target);
            assert_eq!(verdict.status, Status::NotKnownHere, "{verdict:?}");
        }
    }
}

#[test]
fn the_cheapest_level_is_chosen() {
    let tree = || check(file("/x"), vec![is(P::Exists)]);
    let cases = [
        (vec![tree()], None, Level::Tree),
        (vec![tree()], Some(Level::Spec), Level::Tree),
        (vec![tree()], Some(Level::Container), Level::Container),
        (vec![tree(), check(command("x"), vec![])], None, Level::Container),
        (vec![check(service("x"), vec![is(P::Enabled)])], None, Level::Tree),
        (vec![any_of(vec![check(service("x"), vec![is(P::Running)])])], None, Level::Booted),
        (vec![check(service("x"), vec![is(P::Running)])], Some(Level::Tree), Level::Booted),
        (vec![check(port(), vec![is(P::Listening)])], None, Level::Booted),
        (vec![check(process(), vec![is(P::Running)])], None, Level::Booted),
        (vec![check(filesystem(), vec![is(P::Free)])], None, Level::Node),
    ];
    for (checks, stated, want) in cases {
        let mut control = control(checks);
        control.level = stated;
        assert_eq!(level_of(&control), want, "{control:?}");
    }
    let mut conditional = control(vec![tree()]);
    conditional.only_if = vec![check(command("x"), vec![])];
    assert_eq!(level_of(&conditional), Level::Container);
}

#[test]
fn a_stored_verdict_takes_the_places_of_today() {
    let mut control = control(vec![check(file("/no"), vec![is(P::Exists)])]);
    let mut verdict = judge(&control, &image());
    let moved = Origin::new("profiles/x.kdl", 40, 1);
    control.origin = moved.clone();
    if let Check::Resource { expectations, .. } = &mut control.checks[0] {
        expectations[0].origin = moved.clone();
    }
    relocate(&mut verdict, &control);
    assert_eq!((&verdict.origin, &verdict.results[0].origin), (&moved, &moved));
}

/// A waiver hides nothing, and one that has ended counts for nothing.
#[test]
fn waivers_hold_until_their_day() {
    let mut control =
        control(vec![check(Resource::File { path: "/absent".to_owned() }, vec![is(P::Exists)])]);
    (control.id, control.profile) = ("c".to_owned(), "p".to_owned());
    let judged = judge(&control, &MemoryImage::default());
    assert_eq!(judged.status, Status::Failed);
    let waiver = |control: &str, until: &str| forge_model::Waiver {
        profile: "p".to_owned(),
        control: control.to_owned(),
        by: "ops".to_owned(),
        because: "known".to_owned(),
        until: until.parse().unwrap(),
        run: true,
        origin: Origin::new("profiles/x.kdl", 9, 5),
    };
    let on = |day: &str, waivers: &[forge_model::Waiver]| {
        let mut verdicts = [judged.clone()];
        crate::waive(&mut verdicts, waivers, day.parse().unwrap());
        let [verdict] = verdicts;
        assert_eq!(verdict.results, judged.results);
        verdict
    };
    let own = [waiver("c", "2027-01-31")];
    let held = on("2027-01-30", &own);
    assert_eq!((held.status, held.blocks()), (Status::Waived, false));
    assert_eq!(held.waiver.unwrap().text(), "waived by ops until 2027-01-31: known");
    let ended = on("2027-01-31", &own);
    assert_eq!((ended.status, ended.blocks()), (Status::Failed, true));
    let said = ended.waiver.unwrap();
    assert_eq!(said.text(), "the waiver by ops expired on 2027-01-31: known");
    assert_eq!(said.origin.line, 9);
    let other = on("2027-01-30", &[waiver("d", "2027-01-31")]);
    assert_eq!(other, judged);

    // One that is not to be judged is asked nothing, and an error when its waiver has ended.
    control.run = false;
    let silent = judge(&control, &MemoryImage::default());
    assert_eq!((silent.status, silent.results.len()), (Status::Waived, 1));
    for (day, status, blocks) in
        [("2027-01-30", Status::Waived, false), ("2027-01-31", Status::Error, true)]
    {
        let mut verdicts = [silent.clone()];
        let own = [forge_model::Waiver { run: false, ..waiver("c", "2027-01-31") }];
        crate::waive(&mut verdicts, &own, day.parse().unwrap());
        assert_eq!((verdicts[0].status, verdicts[0].blocks()), (status, blocks), "{day}");
    }
}
