use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Severity, Sink, SourceMap};
use forge_model::{Plan, Sources};

use crate::{Known, SpecTarget, judge_spec, lower, mistyped, needs, violations};

/// What a project comes to.
#[derive(Debug)]
pub struct Checked {
    /// What is to be done; none when there are errors.
    pub plan: Option<Plan>,
    /// All findings, each once, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the findings point into.
    pub source_map: SourceMap,
}

/// Compiles a project, judges it by its own controls, and lowers it to a plan: all that can be
/// known of it without building. The command line and the language server ask here, so an editor
/// shows what `forgec check` says.
pub fn check(sources: &dyn Sources) -> Checked {
    let compiled = forge_spec::compile(sources);
    let (map, mut findings) = (compiled.source_map, compiled.diagnostics);
    let mut plan = None;
    if let Some(spec) = &compiled.spec {
        let mut judged = BTreeMap::new();
        for image in &spec.images {
            let target = SpecTarget::new(image, sources);
            let verdicts = judge_spec(image, &target);
            findings.extend(violations(&verdicts, &map));
            findings.extend(mistyped(image, &target, &map));
            let needs = needs(image, sources, &target, &map);
            findings.extend(needs.found);
            judged.insert(image.name.clone(), Known { verdicts, open: needs.open });
        }
        match lower(spec, judged) {
            Ok(lowered) => plan = Some(lowered),
            Err(errors) => findings.extend(errors.iter().map(|error| error.diagnostic(&map))),
        }
    }
    let findings = once(compiled.levels.apply(once(findings)));
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    Checked { plan: plan.filter(|_| !failed), diagnostics: findings, source_map: map }
}

/// Each finding once, in the order of places: images that share a role share its mistakes.
fn once(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut sink = Sink::new();
    sink.extend(findings);
    sink.into_sorted()
}
