use lib_ruby_parser::Node as Ast;

use super::lower::Lowering;
use super::{Parameter, Parameters};

impl Lowering {
    pub(super) fn parameters(&mut self, ast: Option<&Ast>) -> Parameters {
        let mut parameters = Parameters::default();
        let args = match ast {
            Some(Ast::Args(args)) => args.args.as_slice(),
            _ => return parameters,
        };
        for arg in args {
            self.parameter(arg, &mut parameters);
        }
        // `|a|` alone comes as `Procarg0` and keeps an array whole.
        let alone = matches!(args, [Ast::Procarg0(only)] if only.args.len() == 1);
        let positional = parameters.required.len()
            + parameters.optional.len()
            + parameters.post.len()
            + usize::from(parameters.rest.is_some());
        let first_apart = matches!(args, [Ast::Procarg0(only)] if only.args.len() > 1);
        parameters.takes_apart = (positional > 1 || first_apart) && !alone;
        parameters
    }

    fn parameter(&mut self, arg: &Ast, into: &mut Parameters) {
        match arg {
            Ast::Arg(arg) => {
                let name = Parameter::Name(arg.name.as_str().into());
                if into.rest.is_some() || !into.optional.is_empty() {
                    into.post.push(name);
                } else {
                    into.required.push(name);
                }
            }
            Ast::Procarg0(only) => {
                for arg in &only.args {
                    self.parameter(arg, into);
                }
            }
            Ast::Mlhs(list) => into.required.push(Parameter::Parts(parts(&list.items))),
            Ast::Optarg(arg) => {
                let default = self.node(&arg.default);
                into.optional.push((arg.name.as_str().into(), default));
            }
            Ast::Restarg(arg) => {
                into.rest = Some(arg.name.as_deref().unwrap_or("*").into());
            }
            Ast::Kwarg(arg) => into.keywords.push((arg.name.as_str().into(), None)),
            Ast::Kwoptarg(arg) => {
                let default = self.node(&arg.default);
                into.keywords.push((arg.name.as_str().into(), Some(default)));
            }
            Ast::Kwrestarg(arg) => {
                into.keyword_rest = Some(arg.name.as_deref().unwrap_or("**").into());
            }
            Ast::Blockarg(arg) => into.block = arg.name.as_deref().map(Into::into),
            _ => {}
        }
    }
}

fn parts(items: &[Ast]) -> Vec<Parameter> {
    let part = |item: &Ast| match item {
        Ast::Arg(arg) => Some(Parameter::Name(arg.name.as_str().into())),
        Ast::Mlhs(list) => Some(Parameter::Parts(parts(&list.items))),
        Ast::Restarg(arg) => Some(Parameter::Rest(arg.name.as_deref().map(Into::into))),
        _ => None,
    };
    items.iter().filter_map(part).collect()
}
