use forge_diag::{Diagnostic, SourceMap, Span, codes};
use forge_model::{CheckResult, Level, Origin, Provenance, Status, Verdict, Waived};
use std::collections::BTreeSet;

use forge_report::{
    ControlText, ControlTexts, ImageVerdicts, Tally, code_quality, control_quality, html, junit,
    tally, verdicts_text,
};

fn result(text: &str, status: Status) -> CheckResult {
    CheckResult {
        text: text.to_owned(),
        status,
        message: None,
        evidence: None,
        vacuous: false,
        origin: Origin::new("specs/controls/beegfs.kdl", 12, 5),
        provenance: None,
        exception: None,
    }
}

fn verdict(control: &str, level: Level, status: Status, results: Vec<CheckResult>) -> Verdict {
    Verdict {
        control: control.to_owned(),
        profile: "site".to_owned(),
        title: format!("About {control}"),
        impact: 0.7,
        level,
        status,
        results,
        origin: Origin::new("specs/controls/beegfs.kdl", 10, 1),
        waiver: None,
    }
}

/// Passed, failed with all details, twice the same text, left to a later level and judged there,
/// left for good, skipped without results, an error, and a failure that does not block.
fn verdicts() -> Vec<Verdict> {
    let mut failed = result("file /etc/beegfs.conf: mode is \"0600\"", Status::Failed);
    failed.message = Some("found \"0644\"\nin <etc> & more".to_owned());
    failed.evidence = Some("/etc/beegfs.conf".to_owned());
    let origin = Some(Origin::new("specs/roles/beegfs.kdl", 8, 1));
    failed.provenance = Some(Provenance { layer: "beegfs/files".to_owned(), origin });
    let mut vacuous = result("package telnet: is not installed", Status::Passed);
    vacuous.vacuous = true;
    let later = || result("service munge: is running", Status::NotKnownHere);
    let now = result("service munge: is running", Status::Passed);
    let mut error = result("command `x`: exit status is 0", Status::Error);
    error.message = Some("the command did not end within 10 s".to_owned());
    let minor = result("file /etc/issue: is absent", Status::Failed);
    let mut minor = verdict("note", Level::Tree, Status::Failed, vec![minor]);
    minor.impact = 0.0;
    vec![
        verdict("absent", Level::Tree, Status::Passed, vec![vacuous.clone(), vacuous]),
        verdict("beegfs-4", Level::Tree, Status::Failed, vec![failed]),
        verdict("munge", Level::Tree, Status::NotKnownHere, vec![later()]),
        verdict("munge", Level::Booted, Status::Passed, vec![now]),
        verdict("never", Level::Booted, Status::NotKnownHere, vec![later()]),
        verdict("only", Level::Tree, Status::Skipped, Vec::new()),
        verdict("slow", Level::Container, Status::Error, vec![error]),
        minor,
    ]
}

#[test]
fn a_control_counts_once() {
    let want =
        Tally { passed: 2, failed: 2, skipped: 1, errors: 1, not_judged: 1, ..Tally::default() };
    assert_eq!(tally(&verdicts()), want);
}

#[test]
fn text_names_what_was_found_and_who_made_it() {
    let verdicts = verdicts();
    let images = [
        ImageVerdicts { image: "summit-compute", verdicts: &verdicts },
        ImageVerdicts { image: "summit-gpu", verdicts: &verdicts[..1] },
        ImageVerdicts { image: "bare", verdicts: &[] },
    ];
    insta::assert_snapshot!(verdicts_text(&images, false), @r#"
    summit-compute: 7 controls: 2 passed, 2 failed, 1 could not be judged, 1 skipped, 1 left to a later level
      failed  beegfs-4: About beegfs-4 (tree, impact 0.7, specs/controls/beegfs.kdl:10)
        failed  file /etc/beegfs.conf: mode is "0600" at specs/controls/beegfs.kdl:12
                found "0644"
                in <etc> & more
                evidence: /etc/beegfs.conf
                made by beegfs/files at specs/roles/beegfs.kdl:8
      later   never: About never (booted, impact 0.7, specs/controls/beegfs.kdl:10)
        later   service munge: is running at specs/controls/beegfs.kdl:12
      skipped only: About only (tree, impact 0.7, specs/controls/beegfs.kdl:10)
      error   slow: About slow (container, impact 0.7, specs/controls/beegfs.kdl:10)
        error   command `x`: exit status is 0 at specs/controls/beegfs.kdl:12
                the command did not end within 10 s
      failed  note: About note (tree, impact 0, does not block, specs/controls/beegfs.kdl:10)
        failed  file /etc/issue: is absent at specs/controls/beegfs.kdl:12
    summit-gpu: 1 control: 1 passed
    bare: 0 controls
    "#);
    insta::assert_snapshot!(verdicts_text(&images[1..2], true), @r#"
    summit-gpu: 1 control: 1 passed
      passed  absent: About absent (tree, impact 0.7, specs/controls/beegfs.kdl:10)
        passed  package telnet: is not installed at specs/controls/beegfs.kdl:12
                holds because something is absent
        passed  package telnet: is not installed at specs/controls/beegfs.kdl:12
                holds because something is absent
    "#);
}

#[test]
fn rows_that_nobody_takes_over_are_shown() {
    let rows = || {
        vec![
            result("file /etc/issue: is absent", Status::Failed),
            result("service munge: is running", Status::NotKnownHere),
        ]
    };
    let here = verdict("both", Level::Tree, Status::Failed, rows());
    let alone = [here.clone()];
    let shown = |verdicts: &[Verdict]| {
        let images = [ImageVerdicts { image: "i", verdicts }];
        (verdicts_text(&images, false), junit(&images).unwrap())
    };
    let (text, xml) = shown(&alone);
    assert!(text.contains("later   service munge: is running"), "{text}");
    assert!(xml.contains("both: service munge: is running"), "{xml}");
    let running = result("service munge: runs", Status::Passed);
    let later = verdict("both", Level::Booted, Status::Passed, vec![running]);
    let (text, xml) = shown(&[here, later]);
    assert!(!text.contains("service munge: is running"), "{text}");
    assert!(!xml.contains("service munge: is running"), "{xml}");
}

#[test]
fn junit_is_as_gitlab_reads_it() {
    let verdicts = verdicts();
    let images = [ImageVerdicts { image: "summit-compute", verdicts: &verdicts }];
    insta::assert_snapshot!(junit(&images).unwrap(), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="forge" tests="8" skipped="3" failures="1" errors="1">
        <testsuite name="summit-compute" tests="8" skipped="3" errors="1" failures="1">
            <testcase name="absent: package telnet: is not installed" classname="summit-compute" file="specs/controls/beegfs.kdl"/>
            <testcase name="absent: package telnet: is not installed (2)" classname="summit-compute" file="specs/controls/beegfs.kdl"/>
            <testcase name="beegfs-4: file /etc/beegfs.conf: mode is &quot;0600&quot;" classname="summit-compute" file="specs/controls/beegfs.kdl">
                <failure>found &quot;0644&quot;
    in &lt;etc&gt; &amp; more
    evidence: /etc/beegfs.conf
    made by beegfs/files at specs/roles/beegfs.kdl:8
    expected at specs/controls/beegfs.kdl:12
    control beegfs-4 of profile site, impact 0.7, judged at the level `tree`</failure>
            </testcase>
            <testcase name="munge: service munge: is running" classname="summit-compute" file="specs/controls/beegfs.kdl"/>
            <testcase name="never: service munge: is running" classname="summit-compute" file="specs/controls/beegfs.kdl">
                <skipped>not known at the level `booted`
    expected at specs/controls/beegfs.kdl:12
    control never of profile site, impact 0.7, judged at the level `booted`</skipped>
            </testcase>
            <testcase name="only: About only" classname="summit-compute" file="specs/controls/beegfs.kdl">
                <skipped>control at specs/controls/beegfs.kdl:10</skipped>
            </testcase>
            <testcase name="slow: command `x`: exit status is 0" classname="summit-compute" file="specs/controls/beegfs.kdl">
                <error>the command did not end within 10 s
    expected at specs/controls/beegfs.kdl:12
    control slow of profile site, impact 0.7, judged at the level `container`</error>
            </testcase>
            <testcase name="note: file /etc/issue: is absent" classname="summit-compute" file="specs/controls/beegfs.kdl">
                <skipped>does not block, its impact is 0
    expected at specs/controls/beegfs.kdl:12
    control note of profile site, impact 0, judged at the level `tree`</skipped>
            </testcase>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn findings_have_fingerprints_that_survive_a_move() {
    let report = |prefix: &str| {
        let mut sources = SourceMap::new();
        let file = sources.add("specs/a.kdl", format!("{prefix}role x\nrole x\n"));
        let at = |start: usize| Span::new(file, prefix.len() + start, prefix.len() + start + 4);
        let finding = |start| {
            let found = Diagnostic::error(codes::SPEC_DUPLICATE, "`x` is declared twice");
            found.at(at(start), "here").help("keep one")
        };
        let whole = Diagnostic::warning(codes::SPEC_PROJECT, "the project has no image");
        code_quality(&[finding(0), finding(7), whole], &sources)
    };
    let first = report("");
    insta::assert_snapshot!(first, @r#"
    [
      {
        "description": "`x` is declared twice; keep one",
        "check_name": "forge::spec::duplicate",
        "fingerprint": "85e8ef26a3bef82253d078802e5d7de67bb287f1cc501f204f62b115abf98ecb",
        "severity": "critical",
        "location": {
          "path": "specs/a.kdl",
          "lines": {
            "begin": 1
          }
        }
      },
      {
        "description": "`x` is declared twice; keep one",
        "check_name": "forge::spec::duplicate",
        "fingerprint": "78f6284fd47ba3bd80bb7c5dad8aa1096a0d46fc7eba344b21c4b73a5561e6ca",
        "severity": "critical",
        "location": {
          "path": "specs/a.kdl",
          "lines": {
            "begin": 2
          }
        }
      },
      {
        "description": "the project has no image",
        "check_name": "forge::spec::project",
        "fingerprint": "ef46be7932b452f52e2be09db41a97300a081e427822bf714de4d32d7a1da511",
        "severity": "minor",
        "location": {
          "path": "forge.kdl",
          "lines": {
            "begin": 1
          }
        }
      }
    ]
    "#);
    let fingerprints = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.contains("fingerprint")).map(str::to_owned).collect()
    };
    let moved = fingerprints(&report("\n\n"));
    assert_eq!(moved, fingerprints(&first));
    assert_ne!(moved[0], moved[1]);
}

fn waived(mut verdict: Verdict, expired: bool) -> Verdict {
    let waived = Waived {
        by: "ops".to_owned(),
        because: "no reader yet".to_owned(),
        until: "2027-01-31".parse().expect("a day"),
        expired,
        origin: Origin::new("specs/controls/beegfs.kdl", 30, 5),
    };
    if !expired {
        verdict.status = Status::Waived;
    }
    verdict.waiver = Some(Box::new(waived));
    verdict
}

/// What stands on the page, without its tags.
fn words_of(page: &str) -> String {
    let mut words = String::new();
    let mut inside = false;
    for character in page.chars() {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                words.push(' ');
            }
            other if !inside => words.push(other),
            _ => {}
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_page_has_all_that_is_known_and_lets_nothing_through() {
    let mut verdicts = verdicts();
    let hostile = "<script>alert(1)</script>&\"'";
    let mut bad = result(hostile, Status::Failed);
    bad.message = Some(hostile.to_owned());
    bad.evidence = Some(hostile.to_owned());
    bad.provenance = Some(Provenance { layer: hostile.to_owned(), origin: None });
    let mut bad = verdict(hostile, Level::Tree, Status::Failed, vec![bad]);
    bad.title = hostile.to_owned();
    bad.profile = hostile.to_owned();
    verdicts.push(waived(bad.clone(), true));
    let fine = result("file /etc/motd: exists", Status::Passed);
    verdicts.push(waived(verdict("fine", Level::Tree, Status::Passed, vec![fine]), false));
    let text = ControlText {
        desc: hostile.to_owned(),
        tags: vec![hostile.to_owned()],
        code: hostile.to_owned(),
    };
    let texts = ControlTexts::from([((hostile.to_owned(), hostile.to_owned()), text)]);
    let images = [
        ImageVerdicts { image: hostile, verdicts: &verdicts },
        ImageVerdicts { image: "bare", verdicts: &[] },
    ];
    let page = html(&images, &texts, &[hostile.to_owned()], 1_800_000_000).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(!page.contains("alert(1)<"), "{page}");
    for outside in ["http:", "https:", "src=", "@import", "url(", "<link", "<iframe", "<img"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let words = words_of(&page);
    for said in [
        "2 images: 4 controls fail or could not be judged",
        "9 controls, judged 2027-01-15T08:00:00+00:00",
        "failed beegfs-4 About beegfs-4 impact 0.7 · tree",
        "found &quot;0644&quot; in &lt;etc&gt; &amp; more evidence &#x2f;etc&#x2f;beegfs.conf",
        "made by beegfs&#x2f;files at specs&#x2f;roles&#x2f;beegfs.kdl:8",
        "asked at specs&#x2f;controls&#x2f;beegfs.kdl:12",
        "impact 0, blocks nothing",
        "the waiver by ops expired on 2027-01-31: no reader yet specs&#x2f;controls&#x2f;beegfs.kdl:30",
        "waived fine About fine",
        "passed (vacuous) absent",
        "holds because something is absent",
        "only About only impact 0.7 · tree It asked nothing.",
        "&lt;script&gt;alert(1)&lt;&#x2f;script&gt;&amp;&quot;&#x27;",
        "bare It was asked nothing.",
    ] {
        assert!(words.contains(said), "`{said}` is not in\n{words}");
    }
    // A waived control is no passed one, whatever it came to.
    let class = |class: &str| page.matches(&format!("<details class=\"control {class}\"")).count();
    let classes = ["failed", "error", "waived", "left", "passed"].map(class);
    assert_eq!(classes, [3, 1, 1, 2, 2]);
}

#[test]
fn failed_controls_are_findings_of_code_quality() {
    let verdicts = verdicts();
    let moved: Vec<_> = verdicts
        .iter()
        .cloned()
        .map(|mut verdict| {
            for result in &mut verdict.results {
                result.origin.line += 7;
                if let Some(origin) =
                    result.provenance.as_mut().and_then(|made| made.origin.as_mut())
                {
                    origin.line += 7;
                }
            }
            verdict
        })
        .collect();
    let report = |verdicts: &[Verdict]| {
        let images =
            ["summit-compute", "summit-gpu"].map(|image| ImageVerdicts { image, verdicts });
        control_quality(&images)
    };
    let first = report(&verdicts);
    insta::assert_snapshot!(first, @r##"
    [
      {
        "description": "summit-compute, summit-gpu: control beegfs-4: file /etc/beegfs.conf: mode is \"0600\"; found \"0644\" in <etc> & more",
        "check_name": "site/beegfs-4",
        "fingerprint": "49a7717fb492d2cc15abbbce2379d777cf133ed65cf5531d6766b8d704044f42",
        "severity": "critical",
        "location": {
          "path": "specs/roles/beegfs.kdl",
          "lines": {
            "begin": 8
          }
        }
      },
      {
        "description": "summit-compute, summit-gpu: control slow cannot be judged: command `x`: exit status is 0; the command did not end within 10 s",
        "check_name": "site/slow",
        "fingerprint": "31615ebe4e63e48c4cb4fd31ba85b97897513c0e3eec088c493892e871891588",
        "severity": "critical",
        "location": {
          "path": "specs/controls/beegfs.kdl",
          "lines": {
            "begin": 12
          }
        }
      },
      {
        "description": "summit-compute, summit-gpu: control note: file /etc/issue: is absent",
        "check_name": "site/note",
        "fingerprint": "04b67d574abcfc6fc54f56bb018a2dcf9974f2941b5f6898f3299b71bfb0097b",
        "severity": "info",
        "location": {
          "path": "specs/controls/beegfs.kdl",
          "lines": {
            "begin": 12
          }
        }
      }
    ]
    "##);
    let fingerprints = |text: &str| -> BTreeSet<String> {
        text.lines().filter(|line| line.contains("fingerprint")).map(str::to_owned).collect()
    };
    assert_eq!(fingerprints(&first), fingerprints(&report(&moved)));
    assert_eq!(fingerprints(&first).len(), 3);
    // A waived control is no finding; one whose waiver has ended says so.
    let failed = verdicts[1].clone();
    assert_eq!(report(&[waived(failed.clone(), false)]), "[]\n");
    let ended = report(&[waived(failed, true)]);
    assert!(ended.contains("; the waiver by ops expired on 2027-01-31: no reader yet"), "{ended}");
}
