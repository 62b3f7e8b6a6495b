//! Questions of the editor, one file for each kind.

mod action;
mod edit;

use lsp_server::{ErrorCode, Request, Response};
use lsp_types::request::{CodeActionRequest, Request as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::server::Server;

/// Why a question has no answer, in words for the person who asked.
pub(crate) struct Refusal(pub(crate) String);

type Answer = Result<Value, Refusal>;

/// The answer to a question.
pub(crate) fn answer(server: &mut Server, request: Request) -> Response {
    match request.method.as_str() {
        CodeActionRequest::METHOD => handle(request, |params| Ok(action::actions(server, &params))),
        unknown => {
            let text = format!("`{unknown}` is not known here");
            Response::new_err(request.id, ErrorCode::MethodNotFound as i32, text)
        }
    }
}

fn handle<P: DeserializeOwned>(request: Request, ask: impl FnOnce(P) -> Answer) -> Response {
    let params = match serde_json::from_value(request.params) {
        Ok(params) => params,
        Err(error) => {
            let code = ErrorCode::InvalidParams as i32;
            return Response::new_err(request.id, code, error.to_string());
        }
    };
    match ask(params) {
        Ok(value) => Response::new_ok(request.id, value),
        Err(Refusal(why)) => Response::new_err(request.id, ErrorCode::RequestFailed as i32, why),
    }
}
