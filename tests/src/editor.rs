use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Forgec;

/// Longer than any answer takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A scripted editor that talks with `forgec lsp` over its standard input and output.
#[derive(Debug)]
pub struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Came while something else was waited for.
    early: VecDeque<Value>,
    next: i64,
    root: String,
}

impl Editor {
    /// Starts the server for a project and greets it. `capabilities` are the editor's.
    pub fn start(forgec: &Forgec, root: &Path, capabilities: &Value) -> Self {
        let root = root.to_str().expect("a path in UTF-8").to_owned();
        let mut command = forgec.command(&["lsp", "--stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("forgec starts");
        let output = BufReader::new(child.stdout.take().expect("an output"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = output;
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let mut editor = Self { child, input, messages, early: VecDeque::new(), next: 0, root };
        let folder = json!([{ "uri": editor.uri(""), "name": "site" }]);
        editor.request(
            "initialize",
            json!({ "processId": null, "capabilities": capabilities, "workspaceFolders": folder,
                    "rootUri": null }),
        );
        editor.notify("initialized", json!({}));
        editor
    }

    /// The URI of a file of the project.
    pub fn uri(&self, path: &str) -> String {
        let end = if path.is_empty() { String::new() } else { format!("/{path}") };
        format!("file://{}{end}", self.root)
    }

    /// Tells something.
    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Asks something; the result, or the whole error.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.wait(|message| message["id"] == id && message.get("method").is_none());
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Asks something that must have an answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        self.ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Opens a file with this text, saved or not.
    pub fn open(&mut self, path: &str, version: i32, text: &str) {
        let uri = self.uri(path);
        let document = json!({ "uri": uri, "languageId": "kdl", "version": version, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Replaces a file's whole text.
    pub fn replace(&mut self, path: &str, version: i32, text: &str) {
        self.change(path, version, json!([{ "text": text }]));
    }

    /// Changes a file.
    pub fn change(&mut self, path: &str, version: i32, changes: Value) {
        let document = json!({ "uri": self.uri(path), "version": version });
        let params = json!({ "textDocument": document, "contentChanges": changes });
        self.notify("textDocument/didChange", params);
    }

    /// The next findings of a file; of this version, when one is given.
    pub fn findings(&mut self, path: &str, version: Option<i32>) -> Vec<Value> {
        let uri = self.uri(path);
        let found = self.wait(|message| {
            let params = &message["params"];
            message["method"] == "textDocument/publishDiagnostics"
                && params["uri"] == uri.as_str()
                && version.is_none_or(|version| params["version"] == version)
        });
        found["params"]["diagnostics"].as_array().expect("a list of findings").clone()
    }

    /// The request of the server that comes next, with this method.
    pub fn asked(&mut self, method: &str) -> Value {
        self.wait(|message| message["method"] == method)
    }

    /// Says good-bye; the exit code.
    pub fn quit(mut self) -> Option<i32> {
        self.request("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        self.input = None;
        self.child.wait().expect("forgec ends").code()
    }

    /// Writes bytes as they are.
    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let input = self.input.as_mut().expect("the conversation goes on");
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("forgec listens");
        input.flush().expect("forgec listens");
    }

    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.early.iter().position(&wanted) {
            return self.early.remove(at).expect("it is there");
        }
        loop {
            let message = self
                .messages
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("no answer: {error}; came: {:#?}", self.early));
            if wanted(&message) {
                return message;
            }
            self.early.push_back(message);
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.input = None;
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The next message; none at the end.
fn read(output: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
