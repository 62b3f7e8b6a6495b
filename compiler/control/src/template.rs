use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{Diagnostic, Sink, SourceMap, Span, Spanned, codes};
use forge_model::{Profile, Shared};
use forge_param::{ParamDecl, ParamValue};
use forge_syntax::{Cursor, Node, Text, Value};

use crate::control::Decoder;
use crate::inspec::{self, InspecDecl, Parts};
use crate::reference;
use crate::scope::Scope;
use crate::waiver::WaiverDecl;

/// A profile as it is declared, its parameters still open.
#[derive(Clone, Debug)]
pub struct ProfileTemplate {
    /// Its name, with its place.
    pub name: Spanned<String>,
    /// Its parameters.
    pub params: Vec<ParamDecl>,
    /// No declaration of a parameter has a mistake: others would only follow from it.
    pub params_are_whole: bool,
    /// The node.
    pub head: Span,
    /// One line for reports.
    pub title: String,
    /// Of a profile of `InSpec`, where it is and what is given to it: it has nothing else.
    pub inspec: Option<InspecDecl>,
    /// Of a profile in KDL, controls that may fail.
    pub waivers: Vec<WaiverDecl>,
    controls: Vec<Node>,
}

impl ProfileTemplate {
    /// Decodes a `profile` node and checks all of it, as far as that can be done without its
    /// parameters. None when it has no name; every other mistake is reported and left out.
    pub fn decode(node: &Node, map: &SourceMap, sink: &mut Sink) -> Option<Self> {
        let mut cursor = Cursor::of(node, &reference::PROFILE);
        let name = cursor.arg::<String>("name");
        let parts = Parts {
            node,
            directory: cursor.prop::<Text>("inspec"),
            level: inspec::level(&mut cursor),
            inputs: cursor.children("input"),
            skips: cursor.children("skip"),
            waivers: cursor.children("waive"),
            kdl: Vec::new(),
        };
        let title = cursor.child("title");
        let params = cursor.children("param");
        let controls = cursor.children("control");
        cursor.finish(sink);
        let kdl = title.iter().chain(&params).chain(&controls).copied().collect();
        let is_kdl = parts.directory.is_none();
        let waivers =
            if is_kdl { WaiverDecl::decode_all(&parts.waivers, sink) } else { Vec::new() };
        let inspec = Parts { kdl, ..parts }.decode(map, sink);
        if !is_kdl {
            let (params, controls) = (Vec::new(), Vec::new());
            let (name, head, title) = (name?, node.head, String::new());
            let params_are_whole = true;
            return Some(Self {
                name,
                params,
                params_are_whole,
                head,
                title,
                inspec,
                waivers,
                controls,
            });
        }
        let title = title.and_then(|node| {
            let mut cursor = Cursor::new(node);
            let title = cursor.arg::<String>("title");
            cursor.finish(sink);
            title
        });
        let name = name?;
        let (params, params_are_whole) = forge_param::decode_all(&params, sink);
        let controls: Vec<Node> = controls.into_iter().cloned().collect();
        if controls.is_empty() {
            let headline = format!("profile `{}` has no control", name.value);
            sink.push(
                Diagnostic::error(codes::CONTROL_EMPTY, headline)
                    .at(node.head, "it asks nothing")
                    .help("add a `control`, or take the profile away"),
            );
        }
        let title = title.map(|title| title.value).unwrap_or_default();
        let head = node.head;
        let template =
            Self { name, params, params_are_whole, head, title, inspec, waivers, controls };
        template.check(map, sink);
        Some(template)
    }

    fn check(&self, map: &SourceMap, sink: &mut Sink) {
        let read = RefCell::new(BTreeSet::new());
        let scope = Scope::Declared { params: &self.params, read };
        self.decode_controls(&scope, map, sink);
        for waiver in &self.waivers {
            if let Err(near) = self.has(&waiver.control.value) {
                sink.push(waiver.unknown(&[&self.name.value], near.as_deref()));
            }
        }
        let Scope::Declared { params, read } = scope else {
            return;
        };
        let read = read.into_inner();
        for param in params {
            let name = &param.name;
            if !read.contains(&name.value) {
                let headline = format!("nothing reads the parameter `{}`", name.value);
                sink.push(
                    Diagnostic::warning(codes::SPEC_PARAM_UNUSED, headline)
                        .at(name.span, "declared here")
                        .help(format!(
                            "write `${{{}}}` where it belongs, or take it away",
                            name.value
                        )),
                );
            }
        }
    }

    /// The profile with a value for each of its parameters.
    pub fn instantiate(
        &self,
        values: &BTreeMap<String, ParamValue>,
        map: &SourceMap,
        sink: &mut Sink,
    ) -> Profile {
        let scope = Scope::Bound(values);
        let controls = self.decode_controls(&scope, map, sink);
        let waivers = self.waivers.iter();
        let waivers = waivers
            .map(|one| one.of(&self.name.value, crate::control::origin(map, one.head)))
            .collect::<Vec<_>>();
        let mut profile = Profile {
            name: self.name.value.clone(),
            title: self.title.clone(),
            controls: controls.into_iter().map(Shared::from).collect(),
            waivers: Vec::new(),
            origin: crate::control::origin(map, self.head),
        };
        profile.leave_out(&waivers);
        Profile { waivers, ..profile }
    }

    /// Whether a control is written in it; an error is the id that may be meant.
    pub fn has(&self, id: &str) -> Result<(), Option<String>> {
        let ids: Vec<String> = self.controls().into_iter().map(|(id, _)| id).collect();
        if ids.iter().any(|known| known == id) {
            return Ok(());
        }
        Err(forge_syntax::closest(id, ids.iter().map(String::as_str)).map(str::to_owned))
    }

    /// Id and title of each control, as they are written.
    pub fn controls(&self) -> Vec<(String, String)> {
        let text = |node: &Node| match node.entries.first().map(|entry| &entry.value) {
            Some(Value::Text(text)) => text.value.clone(),
            _ => String::new(),
        };
        let title =
            |node: &Node| node.children.iter().find(|child| child.name.value == "title").map(text);
        self.controls.iter().map(|node| (text(node), title(node).unwrap_or_default())).collect()
    }

    fn decode_controls(
        &self,
        scope: &Scope<'_>,
        map: &SourceMap,
        sink: &mut Sink,
    ) -> Vec<forge_model::Control> {
        let mut decoder = Decoder { profile: &self.name.value, scope, map, sink };
        let mut ids: BTreeMap<String, Span> = BTreeMap::new();
        let mut controls = Vec::new();
        for node in &self.controls {
            let Some(control) = decoder.control(node) else {
                continue;
            };
            if let Some(first) = ids.get(&control.id) {
                let headline = format!("two controls are called `{}`", control.id);
                decoder.sink.push(
                    Diagnostic::error(codes::CONTROL_DUPLICATE, headline)
                        .at(node.head, "the second")
                        .and(*first, "the first"),
                );
                continue;
            }
            ids.insert(control.id.clone(), node.head);
            controls.push(control);
        }
        controls
    }
}
