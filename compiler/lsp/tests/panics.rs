//! A bug in one message ends neither the conversation nor what the editor is told.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forge_lsp::{Host, LayerState};
use forge_model::{MemorySources, NodeId, Plan, Sources};
use lsp_server::{Connection, Message, Notification, Request, RequestId};
use serde_json::{Value, json};

const SPEC: &str = "role \"a\" {\n    packages \"x\"\n}\n";

/// A host that breaks where it is asked for packages, and once for the project.
struct Broken {
    refuse: AtomicBool,
}

impl Host for Broken {
    fn today(&self) -> forge_model::Day {
        forge_model::Day::of_seconds(0)
    }

    fn root(&self, path: &str) -> Option<String> {
        path.starts_with("/site/").then(|| "/site".to_owned())
    }

    fn sources(&self, _: &str) -> Result<Arc<dyn Sources>, String> {
        assert!(!self.refuse.swap(false, Ordering::Relaxed), "the disk is on fire");
        let mut sources = MemorySources::new();
        sources.insert("forge.kdl", "").insert("a.kdl", SPEC);
        Ok(Arc::new(sources))
    }

    fn layer(&self, _: &str, _: &Plan, _: NodeId) -> Option<LayerState> {
        None
    }

    fn library_file(&self, _: &str) -> Option<String> {
        None
    }

    fn packages(&self) -> Arc<[String]> {
        panic!("no packages today")
    }
}

struct Client {
    connection: Connection,
    asked: i32,
}

impl Client {
    fn notify(&self, method: &str, params: Value) {
        let message = Notification::new(method.to_owned(), params);
        self.connection.sender.send(message.into()).unwrap();
    }

    fn next(&self) -> Message {
        self.connection.receiver.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    /// What the next notification of a kind says.
    fn told(&self, method: &str) -> String {
        loop {
            if let Message::Notification(notification) = self.next()
                && notification.method == method
            {
                return notification.params.to_string();
            }
        }
    }

    /// The answer to a question.
    fn ask(&mut self, method: &str, params: Value) -> lsp_server::Response {
        self.asked += 1;
        let id = RequestId::from(self.asked);
        let request = Request::new(id.clone(), method.to_owned(), params);
        self.connection.sender.send(request.into()).unwrap();
        loop {
            match self.next() {
                Message::Response(response) if response.id == id => return response,
                Message::Response(_) | Message::Request(_) | Message::Notification(_) => {}
            }
        }
    }
}

fn at(line: u32, character: u32) -> Value {
    json!({
        "textDocument": { "uri": "file:///site/a.kdl" },
        "position": { "line": line, "character": character },
    })
}

#[test]
fn a_panic_is_told_and_the_server_stays_up() {
    let (connection, server) = Connection::memory();
    let host = Arc::new(Broken { refuse: AtomicBool::new(true) });
    let serving = std::thread::spawn(move || {
        forge_lsp::serve(&server, host, "1").map_err(|error| error.to_string())
    });
    let mut client = Client { connection, asked: 0 };
    client.ask("initialize", json!({ "capabilities": {} }));
    client.notify("initialized", json!({}));
    let document =
        json!({ "uri": "file:///site/a.kdl", "languageId": "kdl", "version": 1, "text": SPEC });
    client.notify("textDocument/didOpen", json!({ "textDocument": document }));
    // The disk is asked for when the text is compiled, which nobody asked for.
    let told = client.told("window/showMessage");
    assert!(told.contains("compiling the project panicked"), "{told}");
    let answer = client.ask("textDocument/completion", at(1, 14));
    let error = answer.response_result.unwrap_err();
    assert!(error.message.contains("`textDocument/completion` panicked"), "{}", error.message);
    let answer = client.ask("textDocument/hover", at(1, 6));
    assert!(answer.response_result.unwrap().to_string().contains("packages"));
    client.ask("shutdown", Value::Null);
    client.notify("exit", Value::Null);
    assert_eq!(serving.join().unwrap(), Ok(()));
}
