//! Words of a file of controls.

use std::cell::RefCell;
use std::rc::Rc;

use crate::context::{Context, FileContext, Include, Refusal};
use crate::control::{Check, Condition, Control, Skip};
use crate::interp::{Given, Machine};
use crate::limits::limit;
use crate::scope::Closure;
use crate::stop::{Halt, Stop};
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn file_word(
        &mut self,
        file: &Rc<FileContext>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        match name {
            "control" | "rule" => {
                let id: Rc<str> = args.first().map_or("".into(), Value::text);
                let control = self.control(&id, Some(file), block);
                self.add_control(control)?;
            }
            "describe" | "context" | "expect" => {
                let control = self.anonymous(file, name, args, block);
                self.add_control(control)?;
            }
            "only_if" => {
                let Some(block) = block else { return Ok(Some(Value::Nil)) };
                if self.state.importing.is_some() {
                    let (block, changes_impact) = (block.clone(), false);
                    file.conditions.borrow_mut().push(Condition { block, changes_impact });
                    return Ok(Some(Value::Nil));
                }
                let holds = self.call_block(block, &[])?;
                if !self.truth(&holds)? {
                    let message = args.first().and_then(|message| message.as_str().cloned());
                    *file.skip.borrow_mut() = Some(Refusal { message });
                }
            }
            "title" => {}
            "include_controls" | "require_controls" => {
                let profile: Rc<str> = args.first().map_or("".into(), Value::text);
                let include = Rc::new(Include {
                    profile,
                    only_named: name == "require_controls",
                    named: RefCell::default(),
                    skipped: RefCell::default(),
                    changed: RefCell::default(),
                    file: file.clone(),
                });
                if let Some(block) = block {
                    let me = Value::Context(Context::Include(include.clone()));
                    self.call_block_as(block, me, &[])?;
                }
                self.include_controls(&include)?;
            }
            "require_resource" | "skip_control" => {}
            _ => return Ok(None),
        }
        Ok(Some(Value::Nil))
    }

    pub(super) fn include_word(
        &mut self,
        include: &Rc<Include>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        let id: Rc<str> = args.first().map_or("".into(), Value::text);
        match name {
            "control" | "rule" => {
                include.named.borrow_mut().push(id.clone());
                if block.is_some() {
                    let control = self.control(&id, None, block);
                    include.changed.borrow_mut().push(control);
                }
            }
            "skip_control" => include.skipped.borrow_mut().push(id),
            _ => return Ok(None),
        }
        Ok(Some(Value::Nil))
    }

    fn add_control(&mut self, control: Rc<Control>) -> Result<(), Stop> {
        let most = self.meter.limits.controls;
        if self.state.controls.len() >= most {
            return Err(limit(format!("the profile has more than {most} controls")));
        }
        let known = self.state.controls.iter().find(|known| known.name == control.name).cloned();
        match known {
            // A control that is declared again is merged, as in a profile that includes another.
            Some(known) => known.merge(&control),
            None => self.state.controls.push(control),
        }
        Ok(())
    }

    /// Evaluates a control's body. What ends it early is a result of the control.
    fn control(
        &mut self,
        id: &Rc<str>,
        file: Option<&Rc<FileContext>>,
        block: Given<'_>,
    ) -> Rc<Control> {
        let (at, code) = match block.and_then(|block| block.block()) {
            Some(body) => {
                let text = self.files.get(body.at.file as usize).map(|file| file.text.clone());
                let code =
                    text.and_then(|text| text.get(body.source.0..body.source.1).map(Rc::from));
                (body.at, code.unwrap_or_else(|| "".into()))
            }
            None => (self.here, "".into()),
        };
        let number = self.frame_id();
        let profile = self.state.profile.clone();
        let control = Rc::new(Control::new(number, id, &profile, at, code));
        if let Some(Refusal { message }) = file.and_then(|file| file.skip.borrow().clone()) {
            *control.skip.borrow_mut() = Some(Skip { holds: true, message, unknown: None });
        }
        if let Some(file) = file {
            control.conditions.borrow_mut().clone_from(&file.conditions.borrow());
        }
        if self.state.is_wanted(id)
            && let Some(block) = block
        {
            // A control that takes all it may take leaves the others of its file theirs.
            let left = self.meter.refill();
            let run_anyway = !self.state.waivers.skips(id);
            if run_anyway {
                self.body(&control, block);
            }
            self.meter.put_back(left);
        }
        control
    }

    fn body(&mut self, control: &Rc<Control>, block: &Rc<Closure>) {
        let me = Value::Context(Context::Control(control.clone()));
        let depth = self.meter.depth;
        let result = self.call_block_as(block, me, &[]);
        self.meter.depth = depth;
        let Err(stop) = result else { return };
        match *stop {
            Halt::Return(..) | Halt::Break(..) | Halt::Next(_) => {}
            other => {
                let check = Check::Broken { why: Rc::new(other), at: control.at };
                control.checks.borrow_mut().push(check);
            }
        }
    }

    /// A `describe` outside of controls has a control of its own.
    fn anonymous(
        &mut self,
        file: &Rc<FileContext>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Rc<Control> {
        let place = self.place(self.here);
        let place = place.rsplit('/').next().unwrap_or(&place).to_owned();
        let id: Rc<str> = format!("(generated from {place})").into();
        let number = self.frame_id();
        let profile = self.state.profile.clone();
        let control = Rc::new(Control::new(number, &id, &profile, self.here, "".into()));
        if let Some(Refusal { message }) = file.skip.borrow().clone() {
            *control.skip.borrow_mut() = Some(Skip { holds: true, message, unknown: None });
        }
        control.conditions.borrow_mut().clone_from(&file.conditions.borrow());
        if name == "describe" || name == "context" {
            let check = self.check(args, block);
            control.checks.borrow_mut().push(check);
        }
        control
    }
}
