//! Functions of Ruby itself.

use std::rc::Rc;

use crate::interp::{Given, Machine};
use crate::scope::{Closure, Code};
use crate::stop::{Halt, Raised, Stop};
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn kernel(
        &mut self,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        let arg = args.first();
        Ok(Some(match name {
            "puts" | "print" | "p" | "pp" | "warn" | "require" | "require_relative" | "load"
            | "using" | "srand" | "sleep" => Value::Nil,
            "lambda" | "proc" => match block {
                Some(block) => Value::Proc(Rc::new(Closure {
                    code: match &block.code {
                        Code::Block(code) => Code::Block(code.clone()),
                        Code::Symbol(symbol) => Code::Symbol(symbol.clone()),
                        Code::Method(of, method) => Code::Method(of.clone(), method.clone()),
                    },
                    frame: block.frame.clone(),
                    call: block.call,
                })),
                None => return Ok(None),
            },
            "loop" => match block {
                Some(block) => loop {
                    match self.call_block(block, &[]) {
                        Err(stop) if matches!(&*stop, Halt::Raise(raised) if &*raised.class == "StopIteration") =>
                        {
                            break Value::Nil;
                        }
                        other => {
                            other?;
                        }
                    }
                },
                None => return Ok(None),
            },
            "catch" => match block {
                Some(block) => {
                    let tag = arg.cloned().unwrap_or(Value::Nil);
                    match self.call_block(block, std::slice::from_ref(&tag)) {
                        Err(stop) => match *stop {
                            Halt::Throw(thrown, value) if thrown.equals(&tag) => value,
                            other => return Err(Box::new(other)),
                        },
                        Ok(value) => value,
                    }
                }
                None => return Ok(None),
            },
            "throw" => {
                let tag = arg.cloned().unwrap_or(Value::Nil);
                let value = args.get(1).cloned().unwrap_or(Value::Nil);
                return Err(Box::new(Halt::Throw(tag, value)));
            }
            "raise" | "fail" => return Err(self.raised(args)),
            "format" | "sprintf" => {
                let text = arg.map_or("".into(), Value::text);
                let values = args.get(1..).unwrap_or_default();
                let values = match values {
                    [Value::Hash(_)] => values[0].clone(),
                    other => other.to_vec().into(),
                };
                crate::core::format::format(self, &text, &values)?.into()
            }
            "binding"
            | "eval"
            | "instance_variable_set"
            | "system"
            | "exec"
            | "open"
            | "rand"
            | "gets"
            | "exit"
            | "abort"
            | "at_exit"
            | "fork"
            | "spawn" => {
                return Err(self.needs_ruby(format!("`{name}`")));
            }
            "instance_variable_get" | "instance_variable_defined?" => return Ok(None),
            "freeze" | "private" | "public" | "extend" | "include" => Value::Nil,
            _ => return self.convert(name, args),
        }))
    }

    /// `Integer("1")` and its kind.
    fn convert(&mut self, name: &str, args: &[Value]) -> Result<Option<Value>, Stop> {
        let arg = args.first();
        Ok(Some(match name {
            "Integer" => self.integer_of(args)?,
            "Float" => match arg {
                Some(Value::Str(text)) => {
                    if let Ok(value) = text.trim().parse() {
                        Value::Float(value)
                    } else {
                        let why = format!("invalid value for Float(): {text}");
                        return Err(self.raise("ArgumentError", why));
                    }
                }
                Some(Value::Nil) | None => {
                    return Err(self.raise("TypeError", "can't convert nil into Float"));
                }
                Some(other) => self.send(other, "to_f", &[], None)?,
            },
            "String" => Value::Str(self.to_s(arg.unwrap_or(&Value::Nil))?),
            "Array" => match arg {
                Some(Value::Unknown(_)) => args[0].clone(),
                Some(other) => other.clone().into_items().into(),
                None => Vec::new().into(),
            },
            "Set" => {
                crate::core::set::make(arg.cloned().unwrap_or(Value::Nil).into_items().into_iter())
            }
            _ => return Ok(None),
        }))
    }

    fn raised(&self, args: &[Value]) -> Stop {
        let (class, message): (Rc<str>, Rc<str>) = match args {
            [] => ("RuntimeError".into(), "unhandled exception".into()),
            [Value::Raised(raised), ..] => (raised.class.clone(), raised.message.clone()),
            [Value::Str(message)] => ("RuntimeError".into(), message.clone()),
            [class @ (Value::Const(_) | Value::Class(_))] => (class.text(), class.text()),
            [class, message, ..] => (class.text(), message.text()),
            [other] => ("TypeError".into(), other.text()),
        };
        match class.rsplit("::").next() {
            Some("ResourceSkipped") => Box::new(Halt::Skipped(message.to_string())),
            _ => Box::new(Halt::Raise(Rc::new(Raised { class, message, at: self.here }))),
        }
    }

    fn integer_of(&mut self, args: &[Value]) -> Result<Value, Stop> {
        match args {
            [Value::Str(text), rest @ ..] => {
                let radix =
                    rest.first().and_then(Value::as_int).and_then(|r| u32::try_from(r).ok());
                let digits = text.trim().replace('_', "");
                let (digits, radix) =
                    match (radix, digits.strip_prefix("0x"), digits.strip_prefix('0')) {
                        (Some(radix), _, _) => (digits.clone(), radix),
                        (None, Some(hex), _) => (hex.to_owned(), 16),
                        (None, None, Some(octal)) if !octal.is_empty() => (octal.to_owned(), 8),
                        _ => (digits.clone(), 10),
                    };
                if let Ok(value) = i64::from_str_radix(&digits, radix) {
                    Ok(Value::Int(value))
                } else {
                    let why = format!("invalid value for Integer(): {}", args[0].inspect());
                    Err(self.raise("ArgumentError", why))
                }
            }
            [Value::Nil, ..] | [] => Err(self.raise("TypeError", "can't convert nil into Integer")),
            [other, ..] => self.send(other, "to_i", &[], None),
        }
    }
}
