//! Questions of the editor, one file for each kind.

mod action;
mod complete;
mod edit;
mod format;
mod hover;
mod layer;
mod names;
mod rename;
mod symbols;

use lsp_server::{ErrorCode, Request, Response};
use lsp_types::request::{
    CodeActionRequest, Completion, DocumentHighlightRequest, DocumentSymbolRequest, Formatting,
    GotoDefinition, HoverRequest, PrepareRenameRequest, References, Rename, Request as _,
    WorkspaceSymbolRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::server::Server;

/// Why a question has no answer, in words for the person who asked.
pub(crate) struct Refusal(pub(crate) String);

/// The answer to a question.
pub(crate) fn answer(server: &mut Server, request: Request) -> Response {
    match request.method.as_str() {
        CodeActionRequest::METHOD => handle(request, |params| Ok(action::actions(server, &params))),
        Completion::METHOD => handle(request, |params| Ok(complete::completion(server, &params))),
        DocumentHighlightRequest::METHOD => {
            handle(request, |params| Ok(names::highlights(server, &params)))
        }
        DocumentSymbolRequest::METHOD => {
            handle(request, |params| Ok(symbols::of_document(server, &params)))
        }
        Formatting::METHOD => handle(request, |params| format::format(server, &params)),
        GotoDefinition::METHOD => handle(request, |params| Ok(names::definition(server, &params))),
        HoverRequest::METHOD => handle(request, |params| Ok(hover::hover(server, &params))),
        PrepareRenameRequest::METHOD => handle(request, |params| rename::prepare(server, &params)),
        References::METHOD => handle(request, |params| Ok(names::references(server, &params))),
        Rename::METHOD => handle(request, |params| rename::rename(server, &params)),
        WorkspaceSymbolRequest::METHOD => {
            handle(request, |params| Ok(symbols::of_projects(server, &params)))
        }
        unknown => {
            let text = format!("`{unknown}` is not known here");
            Response::new_err(request.id, ErrorCode::MethodNotFound as i32, text)
        }
    }
}

fn handle<P: DeserializeOwned, R: Serialize>(
    request: Request,
    ask: impl FnOnce(P) -> Result<R, Refusal>,
) -> Response {
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
