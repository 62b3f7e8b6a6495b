use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, select};
use forge_spec::index::Index;
use lsp_server::{Connection, ErrorCode, Message, Notification, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument, DidOpenTextDocument,
    DidSaveTextDocument, Notification as _, PublishDiagnostics, ShowMessage,
};
use lsp_types::{
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DidSaveTextDocumentParams, InitializeParams, Location, MessageType,
    Position, PublishDiagnosticsParams, Range, ShowMessageParams, Uri,
};
use serde::de::DeserializeOwned;

use crate::client::{self, Client};
use crate::diagnostics::{Places, by_file};
use crate::document::Document;
use crate::host::Host;
use crate::overlay::Overlay;
use crate::position::{Encoding, Lines};
use crate::project::{Judged, Project, is_library, text};
use crate::worker::{self, Done, Job};
use crate::{features, uri};

/// Why the conversation ended before its time.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Talks with an editor until it says good-bye.
pub fn serve(connection: &Connection, host: Arc<dyn Host>, version: &str) -> Result<(), Broken> {
    let (id, params) = connection.initialize_start()?;
    let params: InitializeParams = serde_json::from_value(params)?;
    let client = Client::new(&params);
    let answer = client::answer(client, version);
    connection.initialize_finish(id, answer)?;
    let (jobs, done) = worker::start();
    let mut server = Server {
        host,
        client,
        sender: connection.sender.clone(),
        documents: BTreeMap::new(),
        projects: BTreeMap::new(),
        jobs,
        busy: false,
    };
    server.begin(&params);
    server.run(connection, &done)
}

/// The state of a conversation.
pub(crate) struct Server {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) client: Client,
    sender: Sender<Message>,
    /// Open texts by absolute path.
    pub(crate) documents: BTreeMap<String, Document>,
    /// Projects by root.
    pub(crate) projects: BTreeMap<String, Project>,
    jobs: Sender<Job>,
    /// The worker is at work.
    busy: bool,
}

/// A place of a text of a project, with what is known there.
pub(crate) struct Asked {
    /// The project.
    pub(crate) root: String,
    /// The file, relative to the root.
    pub(crate) path: String,
    pub(crate) text: Arc<str>,
    pub(crate) lines: Lines,
    /// The byte.
    pub(crate) at: usize,
    pub(crate) index: Arc<Index>,
    pub(crate) sources: Arc<Overlay>,
    pub(crate) encoding: Encoding,
    host: Arc<dyn Host>,
}

impl Asked {
    /// A range of this text.
    pub(crate) fn range(&self, start: usize, end: usize) -> Range {
        self.lines.range(&self.text, start, end, self.encoding)
    }

    /// A range of another text of the project.
    pub(crate) fn range_in(&self, path: &str, start: usize, end: usize) -> Range {
        if path == self.path {
            return self.range(start, end);
        }
        let text = text(self.sources.as_ref(), path).unwrap_or_default();
        Lines::new(&text).range(&text, start, end, self.encoding)
    }

    /// A place of the project, or of a copy of the shipped library.
    pub(crate) fn location(&self, path: &str, start: usize, end: usize) -> Option<Location> {
        let file = if is_library(path) {
            self.host.library_file(path)?
        } else {
            format!("{}/{path}", self.root)
        };
        let uri = uri::from_path(&file)?;
        Some(Location { uri, range: self.range_in(path, start, end) })
    }
}

/// How a message was taken.
enum Next {
    Go,
    Stop,
}

impl Server {
    /// Opens the projects that the editor was started in, and asks to be told of changes.
    fn begin(&mut self, params: &InitializeParams) {
        for folder in client::folders(params) {
            if let Some(path) = uri::to_path(&folder) {
                self.project_of(&path);
            }
        }
        if self.client.watches {
            let request = client::watch();
            self.send(request.into());
        }
    }

    fn run(&mut self, connection: &Connection, done: &Receiver<Done>) -> Result<(), Broken> {
        self.guarded("compiling the project", Self::compile);
        loop {
            select! {
                recv(connection.receiver) -> message => {
                    // The editor is gone.
                    let Ok(message) = message else { return Ok(()) };
                    if let Next::Stop = self.take(connection, message)? {
                        return Ok(());
                    }
                }
                recv(done) -> done => {
                    let done = done?;
                    self.guarded("showing what was found", |server| server.judged(done));
                }
            }
            // What is waiting comes first: only its last state is worth compiling.
            while let Ok(message) = connection.receiver.try_recv() {
                if let Next::Stop = self.take(connection, message)? {
                    return Ok(());
                }
            }
            self.guarded("compiling the project", Self::compile);
        }
    }

    pub(crate) fn send(&self, message: Message) {
        // Where nobody listens any more, the loop ends by itself.
        drop(self.sender.send(message));
    }

    fn take(&mut self, connection: &Connection, message: Message) -> Result<Next, Broken> {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request)? {
                    return Ok(Next::Stop);
                }
                let (id, method) = (request.id.clone(), request.method.clone());
                let work = AssertUnwindSafe(|| features::answer(self, request));
                let response = catch_unwind(work).unwrap_or_else(|_| {
                    let text = format!("a bug in forge: `{method}` panicked; see standard error");
                    Response::new_err(id, ErrorCode::InternalError as i32, text)
                });
                self.send(response.into());
            }
            Message::Notification(notification) => {
                let what = format!("`{}`", notification.method);
                self.guarded(&what, |server| server.notified(notification));
            }
            // Answers to our own requests say nothing.
            Message::Response(_) => {}
        }
        Ok(Next::Go)
    }

    /// Does something in which a bug must not end the conversation.
    fn guarded(&mut self, what: &str, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            self.confess(&format!("{what} panicked"));
        }
    }

    /// Tells the user of a bug that no answer can tell of.
    fn confess(&self, what: &str) {
        let message = format!("a bug in forge: {what}; see standard error");
        let params = ShowMessageParams { typ: MessageType::ERROR, message };
        self.send(Notification::new(ShowMessage::METHOD.to_owned(), params).into());
    }

    fn notified(&mut self, notification: Notification) {
        match notification.method.as_str() {
            DidOpenTextDocument::METHOD => self.opened(notification),
            DidChangeTextDocument::METHOD => self.changed(notification),
            DidCloseTextDocument::METHOD => self.closed(notification),
            DidSaveTextDocument::METHOD => {
                if let Some(DidSaveTextDocumentParams { text_document, .. }) = params(notification)
                {
                    self.on_disk(&text_document.uri);
                }
            }
            DidChangeWatchedFiles::METHOD => {
                if let Some(DidChangeWatchedFilesParams { changes }) = params(notification) {
                    for change in changes {
                        self.on_disk(&change.uri);
                    }
                }
            }
            // `$/cancelRequest` among them: answers come in order and at once.
            _ => {}
        }
    }

    fn opened(&mut self, notification: Notification) {
        let Some(DidOpenTextDocumentParams { text_document }) = params(notification) else {
            return;
        };
        let Some(path) = uri::to_path(&text_document.uri) else { return };
        let document = Document {
            uri: text_document.uri,
            version: text_document.version,
            text: text_document.text.into(),
        };
        self.documents.insert(path.clone(), document);
        if let Some(project) = self.project_of(&path) {
            project.refresh();
        }
    }

    fn changed(&mut self, notification: Notification) {
        let Some(DidChangeTextDocumentParams { text_document, content_changes }) =
            params(notification)
        else {
            return;
        };
        let Some(path) = uri::to_path(&text_document.uri) else { return };
        let encoding = self.client.encoding;
        let Some(document) = self.documents.get_mut(&path) else { return };
        document.version = text_document.version;
        document.change(content_changes, encoding);
        let watches = self.client.watches;
        if let Some(project) = self.project_of(&path) {
            if watches { project.changed() } else { project.refresh() }
        }
    }

    fn closed(&mut self, notification: Notification) {
        let Some(DidCloseTextDocumentParams { text_document }) = params(notification) else {
            return;
        };
        let Some(path) = uri::to_path(&text_document.uri) else { return };
        self.documents.remove(&path);
        if let Some(project) = self.project_of(&path) {
            project.refresh();
        }
    }

    /// A file on the disk changed. What is hidden (git's own files above all) is no source.
    fn on_disk(&mut self, uri: &Uri) {
        let Some(path) = uri::to_path(uri) else { return };
        for project in self.projects.values_mut() {
            let inside = project.relative(&path);
            if inside.is_some_and(|path| !path.split('/').any(|part| part.starts_with('.'))) {
                project.refresh();
            }
        }
    }

    /// The project that a file belongs to, opened when it is met for the first time.
    pub(crate) fn project_of(&mut self, path: &str) -> Option<&mut Project> {
        let root = self.host.root(path)?;
        Some(self.projects.entry(root.clone()).or_insert_with(|| Project::new(root)))
    }

    /// The project that a file belongs to, when it is open.
    pub(crate) fn known_project(&self, path: &str) -> Option<&Project> {
        self.projects.get(&self.host.root(path)?)
    }

    /// What a question about a place of a text is about.
    pub(crate) fn asked(&mut self, uri: &Uri, position: Position) -> Option<Asked> {
        let mut asked = self.asked_file(uri)?;
        asked.at = asked.lines.offset(&asked.text, position, self.client.encoding);
        Some(asked)
    }

    /// What a question about a text is about.
    pub(crate) fn asked_file(&mut self, uri: &Uri) -> Option<Asked> {
        let path = uri::to_path(uri)?;
        let root = self.host.root(&path)?;
        let host = self.host.clone();
        let project =
            self.projects.entry(root.clone()).or_insert_with(|| Project::new(root.clone()));
        let index = project.index(host.as_ref(), &self.documents).ok()?;
        let sources = project.sources(host.as_ref(), &self.documents).ok()?;
        let path = project.relative(&path)?.to_owned();
        let text = text(sources.as_ref(), &path)?;
        let lines = Lines::new(&text);
        let encoding = self.client.encoding;
        Some(Asked { root, path, text, lines, at: 0, index, sources, encoding, host })
    }

    /// Gives the worker a project that changed.
    fn compile(&mut self) {
        if self.busy {
            return;
        }
        let waiting = self.projects.values_mut().find(|one| one.asked != Some(one.generation));
        let Some(project) = waiting else { return };
        project.asked = Some(project.generation);
        let Ok(sources) = project.sources(self.host.as_ref(), &self.documents) else { return };
        let job = Job {
            root: project.root.clone(),
            generation: project.generation,
            versions: project.versions(&self.documents),
            sources,
            today: self.host.today(),
        };
        self.busy = self.jobs.send(job).is_ok();
    }

    /// Shows what a state came to, unless the project has changed since: the next one is near.
    fn judged(&mut self, done: Done) {
        self.busy = false;
        let encoding = self.client.encoding;
        if done.checked.is_none() {
            self.confess("compiling the project panicked");
        }
        let Some(project) = self.projects.get_mut(&done.root) else { return };
        let Some(checked) = done.checked.filter(|_| project.generation == done.generation) else {
            return;
        };
        let map = checked.source_map;
        let files = by_file(&checked.diagnostics, &mut Places::new(&project.root, &map, encoding));
        let mut messages = Vec::new();
        for (path, shown) in &files {
            let all = shown.iter().map(|(shown, _)| shown.clone()).collect();
            messages.push((path.clone(), all));
        }
        let clean = project.published.iter().filter(|path| !files.contains_key(*path));
        messages.extend(clean.map(|path| (path.clone(), Vec::new())));
        // An open text without findings is told so, or nobody knows that it was looked at.
        let open = done
            .versions
            .keys()
            .filter(|path| !files.contains_key(*path) && !project.published.contains(*path));
        messages.extend(open.map(|path| (path.clone(), Vec::new())));
        project.published = files.keys().cloned().collect();
        let root = project.root.clone();
        if let Some(plan) = checked.plan {
            project.plan = Some((done.generation, Arc::new(plan)));
        }
        let versions = done.versions;
        for (path, diagnostics) in messages {
            let version = versions.get(&path).copied();
            self.publish(&format!("{root}/{path}"), diagnostics, version);
        }
        if let Some(project) = self.projects.get_mut(&done.root) {
            let generation = done.generation;
            project.judged = Some(Judged { generation, versions, files, map });
        }
    }

    fn publish(&self, path: &str, diagnostics: Vec<lsp_types::Diagnostic>, version: Option<i32>) {
        // An open text is named as the editor names it.
        let known = self.documents.get(path).map(|document| document.uri.clone());
        let Some(uri) = known.or_else(|| uri::from_path(path)) else { return };
        let params = PublishDiagnosticsParams { uri, diagnostics, version };
        self.send(Notification::new(PublishDiagnostics::METHOD.to_owned(), params).into());
    }
}

fn params<T: DeserializeOwned>(notification: Notification) -> Option<T> {
    serde_json::from_value(notification.params).ok()
}
