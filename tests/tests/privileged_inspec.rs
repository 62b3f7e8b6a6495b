//! An image judged by a profile of Ruby that stands in its project: on a small base, as root.

use std::fs;

use forge_test::{SmallSite, Turn};

const SITE: &str = r#"
base "small" { archive "bases/base.tar"; }
profile "rules" inspec="vendor/rules" {
    input "greeting" "Welcome"
}
image "test-node" {
    base "small"
    set cluster="test" type="node"
    file "/etc/motd" { content "Welcome"; }
    file "/etc/other" { content "one"; }
    controls "rules"
    output "initramfs" compress="gzip"
}
"#;

const MANIFEST: &str = "name: site-rules\ntitle: Rules of the site\ninputs:\n- name: greeting\n  \
                        type: String\n  value: Hello\n";

const FILES: &str = "\
control 'files-1' do
  impact 0.7
  title 'The message of the day greets'
  describe file('/etc/motd') do
    its('content') { should match input('greeting') }
    its('mode') { should cmp '0644' }
  end
end
";

const PROGRAMS: &str = "\
control 'programs-1' do
  impact 0.5
  title 'The message can be printed'
  describe command('. /etc/os-release && cat /etc/motd') do
    its('stdout') { should match(/Welcome/) }
    its('exit_status') { should eq 0 }
  end
end
";

/// A site with these controls.
fn site(controls: &[(&str, &str)]) -> SmallSite {
    let mut files = vec![("site.kdl", SITE), ("vendor/rules/inspec.yml", MANIFEST)];
    files.extend(controls);
    SmallSite::with(&files)
}

const FILES_RB: &str = "vendor/rules/controls/files.rb";
const PROGRAMS_RB: &str = "vendor/rules/controls/programs.rb";

#[test]
fn each_control_is_judged_at_the_cheapest_target() {
    let _turn = Turn::take();
    let lab = site(&[(FILES_RB, FILES), (PROGRAMS_RB, PROGRAMS)]);
    let shown = lab.forgec.run(&["show", "test-node"]).expect(0).stdout;
    assert!(shown.contains("profile rules, InSpec in vendor/rules: 2 controls"), "{shown}");
    lab.build();
    let packed = lab.artifacts();
    assert!(!packed.is_empty());
    let all = lab.forgec.run(&["test", "--all"]).expect(0);
    let row = |control: &str, target: &str| {
        let mut lines = all.stdout.lines();
        lines.any(|line| line.contains(&format!("passed  {control}")) && line.contains(target))
    };
    assert!(row("files-1", "(tree, ") && row("programs-1", "(container, "), "{}", all.stdout);
    // Nothing changed, nothing is judged again.
    lab.build().expect(&[]);
    // One control, and a report of it.
    let report = lab.site.scratch().join("controls.xml");
    let kind = format!("junit={}", report.display());
    let one = lab.forgec.run(&["test", "--control", "files-1", "--report", &kind]).expect(0);
    assert!(!one.stdout.contains("programs-1"), "{}", one.stdout);
    let text = fs::read_to_string(&report).unwrap();
    assert!(text.contains("files-1") && text.contains(FILES_RB), "{text}");
    let typo = lab.forgec.run(&["test", "--control", "files-11"]).expect(2);
    assert!(typo.stderr.contains("did you mean `files-1`?"), "{}", typo.stderr);
    assert_eq!(lab.artifacts(), packed);
}

#[test]
fn a_control_that_fails_blocks_packing_until_it_is_skipped() {
    let _turn = Turn::take();
    let lab = site(&[(FILES_RB, FILES), (PROGRAMS_RB, PROGRAMS)]);
    lab.edit("site.kdl", "\"/etc/motd\" {", "\"/etc/motd\" mode=\"0600\" {");
    let failed = lab.forgec.run(&["build"]).expect(1);
    let said = format!("{}{}", failed.stdout, failed.stderr);
    for word in [
        "controls fail: `files-1` of profile `rules`",
        // Where that is asked for, what was found, who made it, and how to go on.
        "vendor/rules/controls/files.rb:6",
        "0600",
        "made by test-node/files at site.kdl:9",
        "waive \"files-1\" by=",
        "site.kdl:3",
    ] {
        assert!(said.contains(word), "`{word}` is not in\n{said}");
    }
    assert!(!said.contains("`programs-1` of profile"), "{said}");
    assert!(lab.artifacts().is_empty());
    let input = "    input \"greeting\" \"Welcome\"\n";
    let skip = format!("{input}    skip \"files-1\" because=\"the mode is to be 0600\"\n");
    lab.edit("site.kdl", input, &skip);
    lab.build();
    assert!(!lab.artifacts().is_empty());
    let all = lab.forgec.run(&["test", "--all"]).expect(101);
    assert!(all.stdout.contains("waived  files-1"), "{}", all.stdout);
    assert!(all.stdout.contains("the mode is to be 0600"), "{}", all.stdout);
}

/// A verdict stands for as long as what was asked of the image gives the same answers.
#[test]
fn a_profile_that_asks_for_nothing_that_changed_is_not_run_again() {
    let _turn = Turn::take();
    let lab = site(&[(FILES_RB, FILES)]);
    let judged = "controls, inspec";
    let first = lab.build();
    assert!(first.done.contains(judged), "{}", first.run.stderr);
    lab.edit("site.kdl", "\"one\"", "\"two\"");
    let second = lab.build();
    assert!(second.done.contains("pack"), "{}", second.run.stderr);
    assert!(!second.done.contains(judged), "{}", second.run.stderr);
    // An input, a file of the profile, and a file that it asks for are each a reason.
    lab.edit("site.kdl", "input \"greeting\" \"Welcome\"", "input \"greeting\" \"elcom\"");
    assert!(lab.build().done.contains(judged));
    lab.edit(FILES_RB, "impact 0.7", "impact 0.8");
    assert!(lab.build().done.contains(judged));
    lab.edit("site.kdl", "content \"Welcome\"", "content \"Welcome again\"");
    assert!(lab.build().done.contains(judged));
    let plan = lab.forgec.run(&["plan"]).expect(0).stdout;
    assert!(plan.contains("no image changes") || plan.contains("nothing"), "{plan}");
    lab.edit(FILES_RB, "impact 0.8", "impact 0.9");
    let plan = lab.forgec.run(&["plan"]).expect(0).stdout;
    assert!(plan.contains("1 control judged again, those of `rules` among them"), "{plan}");
}

/// What is kept of a verdict knows no day: an image that was packed only because of a waiver is not
/// there any more once that has ended, and nothing is judged again to find out.
#[test]
fn a_waiver_that_ends_leaves_no_pass_behind() {
    let _turn = Turn::take();
    let lab = site(&[(FILES_RB, FILES)]);
    lab.edit("site.kdl", "\"/etc/motd\" {", "\"/etc/motd\" mode=\"0600\" {");
    let waiver = |until: &str| {
        format!(
            "controls \"rules\" {{\n        waive \"files-1\" by=\"ops\" because=\"no reader yet\" \
             until=\"{until}\"\n    }}"
        )
    };
    lab.edit("site.kdl", "controls \"rules\"", &waiver("2999-01-01"));
    let first = lab.build();
    assert!(first.done.contains("controls, inspec"), "{}", first.run.stderr);
    assert!(!lab.artifacts().is_empty());
    let all = lab.forgec.run(&["test", "--all"]).expect(101);
    for word in
        ["waived  files-1", "waived by ops until 2999-01-01: no reader yet, at site.kdl:12", "0600"]
    {
        assert!(all.stdout.contains(word), "`{word}` is not in\n{}", all.stdout);
    }
    lab.build().expect(&[]);
    // The day comes.
    lab.edit("site.kdl", "2999-01-01", "2020-01-01");
    let failed = lab.forgec.run(&["build"]).expect(1);
    let said = format!("{}{}", failed.stdout, failed.stderr);
    let expired = "the waiver by ops expired on 2020-01-01: no reader yet, at site.kdl:12";
    for word in ["not packed, since controls fail: `files-1`", expired, " 1 failed"] {
        assert!(said.contains(word), "`{word}` is not in\n{said}");
    }
    assert!(said.contains("0 steps done"), "judged again:\n{said}");
    let all = lab.forgec.run(&["test"]).expect(100);
    assert!(all.stdout.contains(expired), "{}", all.stdout);
    // And it stays so, whatever was packed before.
    lab.forgec.run(&["build"]).expect(1);
    lab.edit("site.kdl", "2020-01-01", "2999-01-01");
    lab.build().expect(&[]);
}
