//! What the editor can do, and what it is told that the server can.

use lsp_server::{Request, RequestId};
use lsp_types::notification::{DidChangeWatchedFiles, Notification as _};
use lsp_types::request::{RegisterCapability, Request as _};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions,
    DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern,
    HoverProviderCapability, InitializeParams, OneOf, Registration, RegistrationParams,
    RenameOptions, ServerCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, Uri, WorkDoneProgressOptions,
};
use serde_json::{Value, json};

use crate::position::Encoding;

/// What the editor can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) encoding: Encoding,
    /// It tells of files that change on the disk.
    pub(crate) watches: bool,
    /// It takes changes of several files with their versions.
    pub(crate) document_changes: bool,
}

impl Client {
    pub(crate) fn new(params: &InitializeParams) -> Self {
        let all = &params.capabilities;
        let encodings = all.general.as_ref().and_then(|about| about.position_encodings.as_deref());
        let workspace = all.workspace.as_ref();
        let watches = workspace.and_then(|about| about.did_change_watched_files.as_ref());
        let edits = workspace.and_then(|about| about.workspace_edit.as_ref());
        Self {
            encoding: Encoding::choose(encodings),
            watches: watches.is_some_and(|about| about.dynamic_registration == Some(true)),
            document_changes: edits.is_some_and(|about| about.document_changes == Some(true)),
        }
    }
}

/// The directories that the editor was started in.
pub(crate) fn folders(params: &InitializeParams) -> Vec<Uri> {
    if let Some(folders) = &params.workspace_folders {
        return folders.iter().map(|folder| folder.uri.clone()).collect();
    }
    #[expect(deprecated, reason = "older editors know nothing else")]
    let root = params.root_uri.clone();
    root.into_iter().collect()
}

/// The result of `initialize`.
pub(crate) fn answer(client: Client, version: &str) -> Value {
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::INCREMENTAL),
        save: Some(lsp_types::TextDocumentSyncSaveOptions::Supported(true)),
        ..TextDocumentSyncOptions::default()
    };
    let capabilities = ServerCapabilities {
        position_encoding: Some(client.encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::SOURCE_FIX_ALL]),
            ..CodeActionOptions::default()
        })),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(["\"", "{", "/", "="].map(str::to_owned).into()),
            ..CompletionOptions::default()
        }),
        ..ServerCapabilities::default()
    };
    json!({ "capabilities": capabilities, "serverInfo": { "name": "forge", "version": version } })
}

/// Asks to be told of files that change on the disk.
pub(crate) fn watch() -> Request {
    let watchers = vec![FileSystemWatcher {
        glob_pattern: GlobPattern::String("**/*".to_owned()),
        kind: None,
    }];
    let options = DidChangeWatchedFilesRegistrationOptions { watchers };
    let registration = Registration {
        id: "files".to_owned(),
        method: DidChangeWatchedFiles::METHOD.to_owned(),
        register_options: serde_json::to_value(options).ok(),
    };
    let params = RegistrationParams { registrations: vec![registration] };
    let id = RequestId::from("watch".to_owned());
    Request::new(id, RegisterCapability::METHOD.to_owned(), params)
}
