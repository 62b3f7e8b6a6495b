//! `should`, `expect(x).to` and what they make of a matcher.

use std::rc::Rc;

use crate::context::{Context, Expect};
use crate::control::Check;
use crate::interp::Machine;
use crate::matchers::{Kind, Matcher, Outcome};
use crate::stop::{Stop, raise};
use crate::value::Value;

/// The exception of an expectation that does not hold.
pub(crate) const NOT_MET: &str = "RSpec::Expectations::ExpectationNotMetError";

impl Machine<'_> {
    /// `x.should matcher` and `x.should_not matcher`.
    pub(crate) fn should(
        &mut self,
        actual: &Value,
        positive: bool,
        args: &[Value],
    ) -> Result<Value, Stop> {
        match args {
            [] => {
                let expect = Expect {
                    value: actual.clone(),
                    negated: !positive,
                    operator: true,
                    control: None,
                };
                Ok(Value::Context(Context::Expect(Rc::new(expect))))
            }
            [matcher, rest @ ..] => self.expect(actual, !positive, matcher, rest.first()),
        }
    }

    pub(super) fn expected(
        &mut self,
        expect: &Rc<Expect>,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, Stop> {
        if expect.operator {
            if !matches!(name, "==" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "===" | "!~") {
                return Ok(None);
            }
            let matcher = Matcher::value(Kind::Operator(
                name.into(),
                args.first().cloned().unwrap_or(Value::Nil),
            ));
            return self.expect(&expect.value, expect.negated, &matcher, None).map(Some);
        }
        let negated = match name {
            "to" => false,
            "not_to" | "to_not" => true,
            _ => return Ok(None),
        };
        let matcher = args.first().cloned().unwrap_or(Value::Nil);
        if let Some(control) = &expect.control {
            let check =
                Check::Expect { value: expect.value.clone(), negated, matcher, at: self.here };
            control.checks.borrow_mut().push(check);
            return Ok(Some(Value::Nil));
        }
        self.expect(&expect.value, negated, &matcher, args.get(1)).map(Some)
    }

    /// Puts a matcher to a value; an expectation that does not hold is raised.
    pub(crate) fn expect(
        &mut self,
        actual: &Value,
        negated: bool,
        matcher: &Value,
        message: Option<&Value>,
    ) -> Result<Value, Stop> {
        let here = self.here;
        let matcher = match matcher {
            Value::Matcher(matcher) => matcher.clone(),
            Value::Nil => {
                return Err(self.raise("ArgumentError", "an expectation without a matcher"));
            }
            other => match Matcher::value(Kind::Eq(other.clone())) {
                Value::Matcher(matcher) => matcher,
                _ => return Err(self.needs_ruby("this matcher")),
            },
        };
        if let Some(expected) = &mut self.state.importing {
            if !matches!(actual, Value::Context(Context::Example(_))) {
                return Err(self.needs_ruby("an expectation of a value that Ruby works out"));
            }
            expected.push(crate::import::Expected { negated, matcher });
            return Ok(Value::Bool(true));
        }
        self.name_matchers(&matcher)?;
        self.note_words(&matcher, negated);
        let outcome = self.judge_matcher(&matcher, actual, negated)?;
        let failure = match outcome {
            Outcome::Yes if !negated => return Ok(Value::Bool(true)),
            Outcome::No if negated => return Ok(Value::Bool(true)),
            Outcome::Fails(why) => why,
            Outcome::Yes | Outcome::No => match self.library_failure(&matcher, actual, negated)? {
                Some(said) => said,
                None => matcher.failure(actual, negated),
            },
        };
        let failure = match message {
            Some(Value::Proc(block)) => {
                let text = self.call_block(&block.clone(), &[])?;
                self.to_s(&text)?.to_string()
            }
            Some(message) if !message.is_nil() => self.to_s(message)?.to_string(),
            _ => failure,
        };
        Err(raise(NOT_MET, failure, here))
    }

    /// Keeps the words of the last matcher: they name the example.
    fn note_words(&mut self, matcher: &Matcher, negated: bool) {
        let not = if negated { "not " } else { "" };
        self.state.note.words = Some(format!("is expected {not}to {}", matcher.description()));
        self.state.note.negative = match &matcher.kind {
            // What asks for the absence itself rests on it rightly.
            Kind::Exist(_) | Kind::Strict(_) | Kind::Nil => false,
            Kind::Predicate(name, _)
                if matches!(&**name, "configured" | "listening" | "loaded") =>
            {
                false
            }
            _ => negated,
        };
    }
}
