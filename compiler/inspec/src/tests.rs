use forge_model::Status;

use crate::Options;
use crate::testing::{MemoryImage, holds, profile, rows, run};

/// `expect(VALUE).to MATCHER`, as measured on `InSpec` 5.22.97 (the table in the book).
#[test]
fn cmp_as_measured() {
    use Status::{Failed, Passed};
    for (actual, expected, want) in [
        ("'Abc'", "'abc'", Passed),
        ("'1.10'", "'1.9'", Failed),
        ("'10'", "10", Passed),
        ("10", "'10'", Passed),
        ("'010'", "10", Failed),
        ("10", "'010'", Failed),
        ("8", "'010'", Passed),
        ("'true'", "true", Passed),
        ("true", "'true'", Passed),
        ("'TRUE'", "true", Failed),
        ("nil", "'x'", Failed),
        ("nil", "nil", Passed),
        ("['a']", "'a'", Passed),
        ("['a','b']", "'a'", Failed),
        ("['a','b']", "['a','b']", Passed),
        ("['1']", "1", Passed),
        ("1.0", "'1.0'", Failed),
        ("'1.5'", "1.5", Passed),
        (":a", "'a'", Passed),
        ("''", "nil", Failed),
        ("0", "'0'", Passed),
        ("'007'", "7", Failed),
        ("'-1'", "-1", Passed),
        ("1", "'1.0'", Failed),
        ("'x1y'", "/1/", Passed),
        ("15", "/1/", Passed),
        ("nil", "/x/", Failed),
        ("['x']", "/x/", Passed),
        ("'yes'", "true", Failed),
        ("420", "'0644'", Passed),
        ("420", "'644'", Failed),
        ("644", "'644'", Passed),
        ("'a '", "'a'", Failed),
    ] {
        assert_eq!(
            holds(&format!("expect({actual}).to cmp {expected}")),
            want,
            "{actual} {expected}"
        );
    }
    for (actual, operator, expected, want) in [
        ("'1.10'", ">", "'1.9'", Passed),
        ("'abc'", ">", "'abb'", Passed),
        ("'10'", ">", "9", Passed),
        ("10", ">=", "'9'", Passed),
        ("'7'", "<=", "7", Passed),
        ("nil", ">", "1", Failed),
        ("''", ">", "1", Failed),
        ("'2.10'", "<", "'2.9'", Failed),
        ("'2:1.19~1'", ">=", "'1.18'", Passed),
        ("'1.2-3'", ">", "'1.2-2'", Passed),
    ] {
        let text = format!("expect({actual}).to cmp {operator} {expected}");
        assert_eq!(holds(&text), want, "{text}");
    }
}

#[test]
fn matchers_as_measured() {
    use Status::{Failed, Passed};
    for (expectation, want) in [
        ("expect('a').to be_in %w[a b]", Passed),
        ("expect(%w[a b]).to be_in %w[a b c]", Passed),
        ("expect(%w[a b]).not_to be_in %w[c d]", Passed),
        ("expect(%w[a b]).not_to be_in %w[a d]", Failed),
        ("expect(%w[a b]).to include 'a', 'b'", Passed),
        ("expect(%w[a b]).to include(/a/)", Passed),
        ("expect(%w[a b]).to match [/a/, /b/]", Passed),
        ("expect(%w[a b]).to all(match(/[ab]/))", Passed),
        ("expect(%w[a b]).to contain_exactly('b', 'a')", Passed),
        ("expect(%w[a b]).to match_array %w[b a]", Passed),
        ("expect(2).to be >= 2", Passed),
        ("expect([]).to be_empty", Passed),
        ("expect(nil).to be_empty", Failed),
        ("expect(nil).not_to be_empty", Failed),
        ("expect(nil).not_to include 'x'", Failed),
        ("expect(nil).not_to match(/x/)", Passed),
        ("expect(\"a\\nb\").to match '^b$'", Passed),
        ("expect('b2').to match 'b.'", Passed),
        ("expect({ 'x' => 3 }).to include('x' => 3)", Passed),
        ("expect({ 'x' => 3 }).to include('x' => 4)", Failed),
        ("expect(1).to eq(2).or eq(1)", Passed),
        ("expect(%w[a a]).to contain_duplicates", Passed),
        ("expect(5).to be_between(1, 5)", Passed),
        ("expect('x').to satisfy { |v| v == 'x' }", Passed),
        ("expect(true).to be true", Passed),
        ("expect('a').to be 'a'", Failed),
        ("expect(nil).to be_falsey", Passed),
    ] {
        assert_eq!(holds(expectation), want, "{expectation}");
    }
}

fn accounts() -> MemoryImage {
    MemoryImage::new()
        .file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n",
        )
        .file("/etc/group", "root:x:0:\nann:x:1000:\nstaff:x:50:ann\n")
        .file("/etc/shadow", "root:*:19000:0:99999:7:::\n")
}

#[test]
fn results_have_the_words_of_inspec() {
    let image = accounts().file("/x", "a = 1\n").link("/l", "/x");
    let text = "
control 'c' do
  describe file('/x') do
    its('mode') { should cmp '0644' }
    it { should be_owned_by 'root' }
    it { should_not be_readable.by('other') }
    its(:content) { should match 'a' }
  end
  describe passwd.where { uid.to_i == 0 && shell =~ /bash/ } do
    its('users') { should eq ['root'] }
    its('entries.length') { should eq 1 }
  end
  describe passwd.uids(0) do
    its('users') { should cmp 'root' }
  end
  describe parse_config_file('/x') do
    its('a') { should cmp 1 }
  end
  describe parse_config_file('/none') do
    its('a') { should cmp 1 }
  end
  describe 'by hand' do
    skip 'look'
  end
  describe file('/l') do
    its('link_path') { should eq '/x' }
    it 'has words' do
      expect(subject).to exist
    end
  end
end
";
    let got = rows(text, &image);
    let want = [
        (Status::Passed, "File /x is expected to be owned by \"root\""),
        (Status::Failed, "File /x is expected not to be readable by other"),
        (Status::Passed, "File /x mode is expected to cmp == \"0644\""),
        (Status::Passed, "File /x content is expected to match \"a\""),
        (
            Status::Passed,
            "/etc/passwd with uid to_i == 0 shell =~ /bash/ users is expected to eq [\"root\"]",
        ),
        (
            Status::Passed,
            "/etc/passwd with uid to_i == 0 shell =~ /bash/ entries.length is expected to eq 1",
        ),
        (Status::Passed, "/etc/passwd with uid == 0 users is expected to cmp == \"root\""),
        (Status::Passed, "Parse Config File /x a is expected to cmp == 1"),
        (Status::NotReviewed, "Parse Config File /none"),
        (Status::NotReviewed, "by hand"),
        (Status::Passed, "File /l has words"),
        (Status::Passed, "File /l link_path is expected to eq \"/x\""),
    ];
    let got: Vec<_> = got.iter().map(|(status, text)| (*status, text.as_str())).collect();
    assert_eq!(got, want);
}

/// What cannot be known makes nothing pass: not what depends on it, and not the control.
#[test]
fn the_unknown_is_never_a_pass() {
    let text = "
control 'direct' do
  describe command('id; true').stdout do
    it { should_not match(/x/) }
  end
end
control 'flow' do
  found = []
  command('find / || true').stdout.split.each { |path| found << path }
  describe found do
    it { should be_empty }
  end
  describe file('/none') do
    it { should_not exist }
  end
end
control 'branch' do
  bad = false
  if command('id; true').exit_status == 0
    bad = true
  end
  describe bad do
    it { should eq false }
  end
end
control 'condition' do
  only_if { command('id; true').exit_status == 0 }
  describe file('/none') do
    it { should_not exist }
  end
end
control 'one' do
  describe.one do
    describe command('id; true') do
      its('exit_status') { should eq 0 }
    end
    describe file('/none') do
      it { should exist }
    end
  end
end
";
    let run = run(text, &MemoryImage::new());
    for control in &run.report.controls {
        let verdict = &control.verdict;
        assert_eq!(verdict.status, Status::NotKnownHere, "{}", verdict.control);
    }
    let statuses: Vec<_> =
        run.report.controls[1].verdict.results.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [Status::NotKnownHere, Status::NotKnownHere, Status::Passed]);
}

#[test]
fn what_needs_ruby_is_an_error_with_its_place() {
    let text = "
control 'eval' do
  eval('1')
end
control 'resource' do
  describe no_such_thing('x') do
    it { should exist }
  end
end
control 'fine' do
  describe file('/none') do
    it { should_not exist }
  end
end
";
    let run = run(text, &MemoryImage::new());
    let said: Vec<_> = run
        .report
        .controls
        .iter()
        .map(|control| {
            let result = &control.verdict.results[0];
            (result.status, result.message.clone().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        said,
        [
            (Status::Error, "needs Ruby: `eval` (p/controls/c.rb:3)".to_owned()),
            (
                Status::Error,
                "needs Ruby: nothing here is called `no_such_thing` (p/controls/c.rb:6)".to_owned()
            ),
            (Status::Passed, String::new()),
        ]
    );
}

/// A pass that rests on something absent is marked; one that asks for the absence is not.
#[test]
fn vacuous_passes_are_marked() {
    let text = "
control 'c' do
  describe file('/none') do
    it { should_not be_readable }
    it { should_not exist }
    its('content') { should_not match(/x/) }
  end
end
";
    let run = run(text, &MemoryImage::new());
    let marks: Vec<_> =
        run.report.controls[0].verdict.results.iter().map(|result| result.vacuous).collect();
    assert_eq!(marks, [true, false, true]);
}

/// Each of these would run, allocate or nest for ever, or is no text at all.
#[test]
fn hostile_profiles_end_with_an_error_and_keep_what_was_judged() {
    let before = "control 'before' do\n  describe file('/none') do\n    it { should_not exist }\n  end\nend\n";
    let deep = format!("x = {}1{}\n", "(".repeat(50_000), ")".repeat(50_000));
    let bangs = format!("x = {}1\n", "!".repeat(100_000));
    let calls = format!("x = a{}\n", ".a".repeat(100_000));
    for (name, text) in [
        ("loop", "control 'bad' do\n  loop { }\nend\n"),
        ("while", "control 'bad' do\n  x = 1 while true\nend\n"),
        ("text", "control 'bad' do\n  s = 'x'\n  100.times { s = s + s }\nend\n"),
        ("list", "control 'bad' do\n  l = []\n  loop { l << 'x' }\nend\n"),
        ("repeat", "control 'bad' do\n  'x' * 10_000_000_000\nend\n"),
        ("array", "control 'bad' do\n  Array.new(10_000_000_000)\nend\n"),
        ("recursion", "def f(x)\n  f(x)\nend\ncontrol 'bad' do\n  f(1)\nend\n"),
        ("regex", "control 'bad' do\n  ('a' * 60) =~ /^(?:(a+)\\1?)+b/\nend\n"),
        ("parentheses", deep.as_str()),
        ("bangs", bangs.as_str()),
        ("calls", calls.as_str()),
        ("syntax", "control 'bad' do\n"),
    ] {
        let run = run(&format!("{before}{text}"), &MemoryImage::new());
        let statuses: Vec<_> =
            run.report.controls.iter().map(|control| control.verdict.status).collect();
        assert!(statuses.contains(&Status::Error), "{name}: {statuses:?}");
        // A text that is no Ruby has no control that could be judged.
        let judged = !matches!(name, "syntax");
        assert_eq!(statuses.contains(&Status::Passed), judged, "{name}: {statuses:?}");
    }
}

/// What `InSpec` or `RSpec` refuses is never a pass.
#[test]
fn what_is_refused_is_no_pass() {
    assert_eq!(holds("expect([1]).not_to all(eq(2))"), Status::Failed);
    assert_eq!(holds("expect(1).not_to eq(2).or eq(3)"), Status::Failed);
    let image = MemoryImage::new()
        .file("/etc/x", "x\n")
        .file("/etc/fstab", "tmpfs /tmp tmpfs nodev 0 0\n")
        .file("/etc/debian_version", "12.5\n")
        .file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file(
            "/var/lib/dpkg/status",
            "Package: telnetd\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: amd64\n",
        );
    let status = |expectation: &str| {
        let found = rows(&format!("control 'c' do\n{expectation}\nend\n"), &image);
        found.into_iter().map(|(status, _)| status).max_by_key(|status| *status != Status::Passed)
    };
    for refused in [
        "describe file('/etc/x') do it { should be_readable.by('user') } end",
        "describe file('/tmp') do it { should be_mounted.with(type: 'nfs') } end",
        "describe mount('/tmp') do it { should be_mounted.with(type: 'nfs') } end",
        "describe packages(/telnetd/).where { status == 'rc' } do it { should_not exist } end",
        "describe ini(path: '/etc/x') do its('key') { should_not eq 'bad' } end",
    ] {
        assert_ne!(status(refused), Some(Status::Passed), "{refused}");
    }
    assert_eq!(
        status("describe file('/etc/x') do it { should be_readable.by('owner') } end"),
        Some(Status::Passed)
    );
    assert_eq!(
        status("describe mount('/tmp') do it { should be_mounted } end"),
        Some(Status::Passed)
    );
}

#[test]
fn delegators_that_ask_each_other_end() {
    let class = "class X < Inspec.resource(1)\n  name 'x'\n  extend Forwardable\n  \
                 def_delegators :b, :a\n  def_delegators :a, :b\nend\n";
    let mut profiles =
        profile("control 'c' do\n  describe x.a do\n    it { should be_nil }\n  end\nend\n");
    let files = profiles.0.get_mut("p").unwrap();
    files.insert("libraries/x.rb".to_owned(), class.as_bytes().to_vec());
    let run = crate::run("p", &profiles, &MemoryImage::new(), &Options::default()).unwrap();
    let verdict = &run.report.controls[0].verdict;
    assert_eq!(verdict.status, Status::Error);
    let message = verdict.results[0].message.as_deref().unwrap();
    assert!(message.contains("nested more than"), "{message}");
}

#[test]
fn files_that_are_no_text_and_large_lines() {
    let image = MemoryImage::new().bytes("/bad", b"a=\xff\n").file("/long", &"x".repeat(2 << 20));
    let text = "
control 'c' do
  describe file('/bad') do
    its('content') { should match(/a=/) }
  end
  describe file('/long') do
    its('content') { should_not match(/y/) }
  end
end
";
    let got = rows(text, &image);
    assert!(got.iter().all(|(status, _)| *status == Status::Passed), "{got:?}");
}

#[test]
fn a_block_of_one_line_is_quoted() {
    let text = "control 'a' do\n  describe 1 do\n    it { should satisfy { |x| x == 1 } }\n    \
                it { should satisfy { |x|\n      y = x\n      y == 1\n    } }\n  end\nend\n";
    let rows = rows(text, &MemoryImage::new());
    let words: Vec<&str> = rows.iter().map(|row| row.1.as_str()).collect();
    assert_eq!(
        words,
        ["1 is expected to satisfy expression `x == 1`", "1 is expected to satisfy block"]
    );
}
