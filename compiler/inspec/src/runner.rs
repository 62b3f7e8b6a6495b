//! Runs what controls ask, and makes verdicts of it.

use std::cell::RefCell;
use std::rc::Rc;

use forge_model::{CheckResult, NoAnswer, Origin, Resource as Asked, Status, Verdict};

use crate::context::{Child, Context, Example, ExampleCode, Group, Refusal};
use crate::control::{Check, Control};
use crate::dsl::NOT_MET;
use crate::inputs::is_missing;
use crate::interp::Machine;
use crate::run::Note;
use crate::scope::Closure;
use crate::stop::{Eval, Halt, Stop};
use crate::syntax::At;
use crate::value::Value;
use crate::waivers::Waivers;

impl Machine<'_> {
    /// Runs a control.
    pub(crate) fn verdict(&mut self, control: &Rc<Control>) -> Verdict {
        let mut results = self.results(control);
        let most = self.meter.limits.results;
        if results.len() > most {
            results.truncate(most);
            let why = format!("the control has more than {most} results");
            results.push(self.row(control.at, "the rest", Status::Error, Some(why)));
        }
        let impact = control.impact.get().unwrap_or(0.5);
        Verdict {
            control: control.name.to_string(),
            profile: control.profile.to_string(),
            title: control.title.borrow().as_deref().unwrap_or_default().to_owned(),
            impact,
            level: self.target.level(),
            status: self.status(control, &results),
            results,
            origin: self.origin(control.at),
            waiver: None,
        }
    }

    fn status(&self, control: &Control, results: &[CheckResult]) -> Status {
        let any = |status: Status| results.iter().any(|result| result.status == status);
        if self.state.waivers.skips(&control.name) {
            return Status::Waived;
        }
        for status in [Status::Error, Status::Failed, Status::NotKnownHere] {
            if any(status) {
                return status;
            }
        }
        if results.is_empty() {
            return Status::Empty;
        }
        if any(Status::NotApplicable) {
            return Status::NotApplicable;
        }
        if any(Status::Skipped) {
            return Status::Skipped;
        }
        if any(Status::NotReviewed) {
            let none = control.impact.get() == Some(0.0);
            return if none { Status::NotApplicable } else { Status::NotReviewed };
        }
        Status::Passed
    }

    fn results(&mut self, control: &Rc<Control>) -> Vec<CheckResult> {
        let at = control.at;
        if let Some(why) = self.state.waivers.justification(&control.name) {
            let why = Waivers::message(why);
            return vec![self.row(at, "No-op", Status::Waived, Some(why))];
        }
        if let Some(skip) = control.skip.borrow().as_ref().filter(|skip| skip.holds) {
            if let Some(why) = &skip.unknown {
                let why = format!("whether its only_if holds: {why}");
                return vec![self.row(at, "No-op", Status::NotKnownHere, Some(why))];
            }
            let why = match &skip.message {
                Some(message) => format!("Skipped control due to only_if condition: {message}"),
                None => "Skipped control due to only_if condition.".to_owned(),
            };
            return vec![self.row(at, "No-op", Status::Skipped, Some(why))];
        }
        if let Some(Refusal { message }) = control.not_applicable.borrow().as_ref() {
            let why = match message {
                Some(message) => {
                    format!("N/A control due to only_applicable_if condition: {message}")
                }
                None => "N/A control due to only_applicable_if condition.".to_owned(),
            };
            return vec![self.row(at, "No-op", Status::NotApplicable, Some(why))];
        }
        let checks = control.checks.borrow().clone();
        let mut results = Vec::new();
        for check in &checks {
            results.extend(self.run_check(control, check));
            if results.len() > self.meter.limits.results {
                break;
            }
        }
        if let (true, Some(input)) = (results.is_empty(), control.missing_input.borrow().as_ref()) {
            let why = format!("input `{input}` has no value");
            results.push(self.row(at, "No-op", Status::NotReviewed, Some(why)));
        }
        results
    }

    fn run_check(&mut self, control: &Rc<Control>, check: &Check) -> Vec<CheckResult> {
        match check {
            Check::Describe { values, block, at } => self.describe(values, block.as_ref(), *at),
            Check::One(checks) => self.one_of(control, checks),
            Check::Expect { value, negated, matcher, at } => {
                self.begin_note();
                let result = self.expect(value, *negated, matcher, None);
                let words = self.to_s(value).map(|text| text.to_string()).unwrap_or_default();
                vec![self.example_row(*at, &words, None, result)]
            }
            Check::Broken { why, at } => vec![self.broken(why, *at)],
        }
    }

    /// The groups that hold whole; when none does, all of them.
    fn one_of(&mut self, control: &Rc<Control>, checks: &[Check]) -> Vec<CheckResult> {
        let mut all = Vec::new();
        let (mut holding, mut hopeful) = (Vec::new(), None);
        for check in checks {
            let around = std::mem::replace(&mut self.state.in_one, true);
            let results = self.run_check(control, check);
            self.state.in_one = around;
            let worst = |status: Status| results.iter().any(|result| result.status == status);
            if results.iter().all(|result| result.status == Status::Passed) && !results.is_empty() {
                holding.extend(results.clone());
            } else if worst(Status::NotKnownHere) && !worst(Status::Failed) && !worst(Status::Error)
            {
                hopeful.get_or_insert_with(|| results.clone());
            }
            all.extend(results);
        }
        if !holding.is_empty() {
            return holding;
        }
        hopeful.unwrap_or(all)
    }

    fn begin_note(&mut self) {
        self.state.note = Note { in_example: true, ..Note::default() };
    }

    pub(crate) fn origin(&self, at: At) -> Origin {
        let file =
            self.files.get(at.file as usize).map_or("?".into(), |file| file.name.to_string());
        Origin::new(file.as_str(), at.line, 1)
    }

    fn row(&self, at: At, text: &str, status: Status, message: Option<String>) -> CheckResult {
        CheckResult {
            text: text.to_owned(),
            status,
            message,
            evidence: None,
            vacuous: false,
            origin: self.origin(at),
            provenance: None,
            exception: None,
        }
    }

    /// The result of a body that ended early.
    fn broken(&self, why: &Halt, at: At) -> CheckResult {
        let text = format!("Control Source Code Error {} ", self.place(at));
        match why {
            Halt::Skipped(why) => self.row(at, "No-op", Status::Skipped, Some(why.clone())),
            other => {
                let (status, message, exception) = self.reason(other);
                CheckResult { exception, ..self.row(at, &text, status, Some(message)) }
            }
        }
    }

    /// What an early end means: status, message, and the exception's class.
    fn reason(&self, why: &Halt) -> (Status, String, Option<String>) {
        match why {
            Halt::Raise(raised) => {
                let status = if &*raised.class == NOT_MET { Status::Failed } else { Status::Error };
                let place = self.place(raised.at);
                let (message, exception) = match status {
                    Status::Failed => (raised.message.to_string(), None),
                    _ => (
                        format!("{}: {} ({place})", raised.class, raised.message),
                        Some(raised.class.to_string()),
                    ),
                };
                (status, message, exception)
            }
            Halt::NoAnswer(NoAnswer::Unknown(why)) if is_missing(why) => {
                (Status::NotReviewed, why.clone(), None)
            }
            Halt::NoAnswer(NoAnswer::Unknown(why)) => (Status::NotKnownHere, why.clone(), None),
            Halt::NoAnswer(NoAnswer::Failed(why)) => {
                (Status::Error, why.clone(), Some("Inspec::Exceptions::ResourceFailed".to_owned()))
            }
            Halt::NeedsRuby(what, at) => {
                let message = format!("needs Ruby: {what} ({})", self.place(*at));
                (Status::Error, message, Some("NeedsRuby".to_owned()))
            }
            Halt::Limit(why) => (Status::Error, why.clone(), Some("LimitExceeded".to_owned())),
            Halt::Throw(tag, _) => {
                let message = format!("uncaught throw {}", tag.inspect());
                (Status::Error, message, Some("UncaughtThrowError".to_owned()))
            }
            Halt::Skipped(why) => (Status::NotReviewed, why.clone(), None),
            Halt::Next(_) | Halt::Break(..) | Halt::Return(..) => {
                (Status::Passed, String::new(), None)
            }
        }
    }

    fn describe(
        &mut self,
        values: &[Value],
        block: Option<&Rc<Closure>>,
        at: At,
    ) -> Vec<CheckResult> {
        self.meter.refill();
        self.begin_note();
        let subject = values.first().cloned().unwrap_or(Value::Nil);
        let mut words = String::new();
        for value in values {
            let word = match value {
                Value::Unknown(_) => "what is not known here".into(),
                value => self.to_s(value).unwrap_or_else(|_| "?".into()),
            };
            words = described(&words, &word);
        }
        if let Err(stop) = self.check_skipped(&subject)
            && let Halt::Skipped(why) = *stop
        {
            return vec![self.row(at, &words, Status::NotReviewed, Some(why))];
        }
        if let Value::Unknown(why) = &subject
            && is_missing(why)
        {
            return vec![self.row(at, &words, Status::NotReviewed, Some(why.to_string()))];
        }
        self.group(None, subject, words.as_str().into(), block, at)
    }

    fn group(
        &mut self,
        parent: Option<Rc<Group>>,
        subject: Value,
        words: Rc<str>,
        block: Option<&Rc<Closure>>,
        at: At,
    ) -> Vec<CheckResult> {
        let Some(block) = block else { return Vec::new() };
        let id = self.frame_id();
        let group = Rc::new(Group::new(id, parent, subject, words));
        let me = Value::Context(Context::Group(group.clone()));
        let depth = self.meter.depth;
        let built = self.call_block_as(block, me, &[]);
        self.meter.depth = depth;
        let mut results = Vec::new();
        let examples = group.examples.borrow();
        for code in examples.iter() {
            results.push(self.example(&group, code));
        }
        for child in group.children.borrow().iter() {
            match child {
                Child::Its { attribute, block, at } => {
                    results.push(self.its(&group, attribute, block.as_ref(), *at));
                }
                Child::Group { words, subject, block, at } => {
                    let words = described(&group.words, words);
                    let subject = subject.clone().unwrap_or_else(|| group.subject.clone());
                    results.extend(self.group(
                        Some(group.clone()),
                        subject,
                        words.as_str().into(),
                        block.as_ref(),
                        *at,
                    ));
                }
            }
        }
        if let Err(stop) = built {
            match *stop {
                Halt::Next(_) | Halt::Break(..) | Halt::Return(..) => {}
                why => {
                    let (status, message, exception) = self.reason(&why);
                    let text = format!("{} ", group.words);
                    let row = self.row(at, &text, status, Some(message));
                    results.push(CheckResult { exception, ..row });
                }
            }
        }
        results
    }

    fn example(&mut self, group: &Rc<Group>, code: &ExampleCode) -> CheckResult {
        self.begin_note();
        let own = code.words.as_deref();
        if let Some(why) = &code.skip {
            let words = match own {
                Some(own) => described(&group.words, own),
                None => group.words.to_string(),
            };
            return self.row(code.at, &words, Status::NotReviewed, Some(why.to_string()));
        }
        let example =
            Rc::new(Example { group: group.clone(), attribute: None, memo: RefCell::default() });
        let result = self.run_example(&example, code.block.as_ref());
        self.example_row(code.at, &group.words.clone(), own, result)
    }

    fn its(
        &mut self,
        group: &Rc<Group>,
        attribute: &Value,
        block: Option<&Rc<Closure>>,
        at: At,
    ) -> CheckResult {
        self.begin_note();
        let example = Rc::new(Example {
            group: group.clone(),
            attribute: Some(attribute.clone()),
            memo: RefCell::default(),
        });
        let name = match attribute {
            Value::Array(_) => attribute.inspect(),
            other => other.text().to_string(),
        };
        let words = described(&group.words, &name);
        let result = self.run_example(&example, block);
        self.example_row(at, &words, None, result)
    }

    fn run_example(&mut self, example: &Rc<Example>, block: Option<&Rc<Closure>>) -> Eval {
        let depth = self.meter.depth;
        let result = self.run_example_inner(example, block);
        self.meter.depth = depth;
        result
    }

    fn run_example_inner(&mut self, example: &Rc<Example>, block: Option<&Rc<Closure>>) -> Eval {
        let mut groups = Vec::new();
        let mut group = Some(&example.group);
        while let Some(at) = group {
            groups.push(at.clone());
            group = at.parent.as_ref();
        }
        for group in groups.iter().rev() {
            let befores = group.befores.borrow().clone();
            for before in befores {
                self.in_example(&before, example)?;
            }
        }
        match block {
            Some(block) => {
                let me = Value::Context(Context::Example(example.clone()));
                self.call_block_as(block, me, &[])
            }
            None => Err(crate::stop::skipped("Not yet implemented")),
        }
    }

    fn example_row(&mut self, at: At, words: &str, own: Option<&str>, result: Eval) -> CheckResult {
        let note = std::mem::take(&mut self.state.note);
        let said = match (own, &note.words) {
            (Some(own), _) => own.to_owned(),
            (None, Some(said)) => said.clone(),
            (None, None) => String::new(),
        };
        let text = described(words, &said);
        let (mut status, mut message, exception) = match &result {
            Ok(_) => (Status::Passed, None, None),
            Err(stop) => {
                let (status, message, exception) = self.reason(stop);
                (status, Some(message), exception)
            }
        };
        // A skip in an example has the group's words.
        let text = match &result {
            Err(stop) if matches!(**stop, Halt::Skipped(_)) && own.is_none() => words.to_owned(),
            _ => text,
        };
        if let (Status::Passed | Status::Failed, Some(why)) = (status, &note.only_running) {
            status = Status::NotKnownHere;
            message = Some(why.clone());
        }
        if let (Status::Passed, Some(why)) = (status, note.no_pass) {
            status = Status::NotKnownHere;
            message = Some(why.to_owned());
        }
        // Evidence is a place in a file: that of a unit, of a configured value.
        let place = note.evidence.as_deref().filter(|evidence| evidence.starts_with('/'));
        let file = place.and_then(|place| place.split(':').next());
        let asked = note.about.clone();
        let asked = asked.or_else(|| Some(Asked::File { path: file?.to_owned() }));
        let provenance = match (status, asked) {
            (Status::Failed, Some(asked)) => {
                self.target.provenance(&asked, note.evidence.as_deref())
            }
            _ => None,
        };
        CheckResult {
            text,
            status,
            message,
            evidence: note.evidence,
            vacuous: status == Status::Passed && note.absent && note.negative,
            origin: self.origin(at),
            provenance,
            exception,
        }
    }

    /// What a stop outside of any control means.
    pub(crate) fn stopped(&self, stop: &Stop) -> (Status, String) {
        let (status, message, _) = self.reason(stop);
        (status, message)
    }
}

/// As `RSpec` joins descriptions.
fn described(before: &str, after: &str) -> String {
    if before.is_empty() { after.to_owned() } else { format!("{before} {after}") }
}
