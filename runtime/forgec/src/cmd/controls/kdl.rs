//! Profiles in KDL, outside of any project.

use std::collections::BTreeMap;
use std::path::PathBuf;

use forge_control::ProfileTemplate;
use forge_diag::{Severity, Sink, SourceMap, Standpoint, codes};
use forge_inspec::Waivers;
use forge_judge::{judge, waive};
use forge_model::{
    CheckResult, Control, ControlGroup, ControlReport, Day, Profile, ProfileReport, ProfileStatus,
    Status, Target, Verdict,
};
use forge_param::{ParamDecl, ParamValue};

use crate::ctx::print;
use crate::exit::CmdError;
use crate::ui::Ui;

/// Judges the controls of a profile that are wanted. A waiver of a file counts before one of the
/// profile: it may keep a control from being judged at all.
pub(super) fn report(
    profile: &Profile,
    target: &dyn Target,
    wanted: &dyn Fn(&str) -> bool,
    (waivers, today): (&Waivers, Day),
) -> ProfileReport {
    let controls = profile.controls.iter().filter(|control| wanted(&control.id));
    let mut controls: Vec<_> =
        controls.map(|control| control_report(control, target, waivers)).collect();
    let of_file =
        |control: &&mut ControlReport| waivers.justification(&control.verdict.control).is_some();
    for control in controls.iter_mut().filter(|control| !of_file(control)) {
        waive(std::slice::from_mut(&mut control.verdict), &profile.waivers, today);
    }
    let ids = controls.iter().map(|control| control.verdict.control.clone()).collect();
    let file = profile.origin.file.to_string();
    ProfileReport {
        name: profile.name.clone(),
        title: Some(profile.title.clone()).filter(|title| !title.is_empty()),
        version: None,
        summary: None,
        maintainer: None,
        copyright: None,
        copyright_email: None,
        license: None,
        sha256: String::new(),
        supports: Vec::new(),
        inputs: Vec::new(),
        status: ProfileStatus::Loaded,
        groups: vec![ControlGroup { id: file, title: None, controls: ids }],
        controls,
        platform: (String::new(), String::new()),
    }
}

fn control_report(control: &Control, target: &dyn Target, waivers: &Waivers) -> ControlReport {
    let desc = Some(control.description.clone()).filter(|desc| !desc.is_empty());
    let descriptions = desc.iter().map(|desc| ("default".to_owned(), desc.clone())).collect();
    let tags = control.tags.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
    ControlReport {
        desc,
        descriptions,
        refs: Vec::new(),
        tags: tags.collect(),
        code: control.code.clone(),
        waiver: waivers.data(&control.id),
        verdict: match waivers.justification(&control.id) {
            Some(why) => not_judged(control, target, why),
            None => judge(control, target),
        },
    }
}

/// The verdict of a control that a waiver leaves out.
fn not_judged(control: &Control, target: &dyn Target, why: &str) -> Verdict {
    let result = CheckResult {
        text: "No-op".to_owned(),
        status: Status::Waived,
        message: Some(Waivers::message(why)),
        evidence: None,
        vacuous: false,
        origin: control.origin.clone(),
        provenance: None,
        exception: None,
    };
    Verdict {
        control: control.id.clone(),
        profile: control.profile.clone(),
        title: control.title.clone(),
        impact: control.impact,
        level: target.level(),
        status: Status::Waived,
        results: vec![result],
        origin: control.origin.clone(),
        waiver: None,
    }
}

/// The profiles of some files, with values put in; none after reported mistakes.
pub(super) fn profiles(
    ui: &Ui,
    files: &[PathBuf],
    inputs: &BTreeMap<&str, &str>,
) -> Result<Option<Vec<Profile>>, CmdError> {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let mut templates = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let bytes = std::fs::read(file)
            .map_err(|error| CmdError::user(format!("`{name}` cannot be read: {error}")))?;
        let Some(file) = forge_syntax::load(&name, &bytes, &mut map, &mut sink) else { continue };
        let text = map.text(file).to_owned();
        for node in forge_syntax::parse(file, &text, &mut sink).unwrap_or_default() {
            if node.name.value == "profile" {
                templates.extend(ProfileTemplate::decode(&node, &map, &mut sink));
            } else {
                let headline = format!("`{}` stands in no file of profiles", node.name.value);
                sink.push(
                    forge_diag::Diagnostic::error(codes::SYNTAX_UNKNOWN_NODE, headline)
                        .at(node.head, "only `profile` does"),
                );
            }
        }
    }
    for name in inputs.keys() {
        let known = || templates.iter().flat_map(|template| &template.params);
        if !known().any(|param| param.name.value == *name) {
            let names = known().map(|param| param.name.value.as_str());
            let near = forge_syntax::closest(name, names);
            let found = CmdError::usage(format!("no profile has a parameter `{name}`"));
            return Err(match near {
                Some(near) => found.help(format!("did you mean `{near}`?")),
                None => found,
            });
        }
    }
    let mut profiles = Vec::new();
    for template in templates.iter().filter(|template| template.params_are_whole) {
        let values = values(template, inputs)?;
        profiles.push(template.instantiate(&values, &map, &mut sink));
    }
    let found = sink.into_sorted();
    print(ui, &found, &map, &Standpoint::default());
    let failed = found.iter().any(|one| one.severity == Severity::Error);
    Ok((!failed).then_some(profiles))
}

fn values(
    template: &ProfileTemplate,
    inputs: &BTreeMap<&str, &str>,
) -> Result<BTreeMap<String, ParamValue>, CmdError> {
    let value = |param: &ParamDecl| {
        let name = &param.name.value;
        let value = match (inputs.get(name.as_str()), &param.default) {
            (Some(text), _) => param.ty.of_text(text).ok_or_else(|| {
                let expected = param.ty.expected();
                CmdError::usage(format!("`{name}` must be {expected}, and is given `{text}`"))
            })?,
            (None, Some(default)) => default.value.clone(),
            (None, None) => {
                let profile = &template.name.value;
                let found =
                    CmdError::usage(format!("the profile `{profile}` needs a value for `{name}`"));
                return Err(found.help(format!("give it with `--input {name}=…`")));
            }
        };
        Ok((name.clone(), value))
    };
    template.params.iter().map(value).collect()
}
