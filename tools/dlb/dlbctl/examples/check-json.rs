// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Says what is wrong with JSON that `dlbctl -j COMMAND` has printed, for the tests in the guest.
//!
//! ```sh
//! dlbctl -j vf show | check-json vf-show
//! ```

use std::process::ExitCode;

#[path = "../tests/schema/mod.rs"]
mod schema;

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let mut documents = 0;
    let mut wrong = Vec::new();
    let values = serde_json::Deserializer::from_reader(std::io::stdin()).into_iter();
    for value in values {
        documents += 1;
        match value {
            Ok(value) => wrong.extend(schema::faults(&command, &value)),
            Err(error) => {
                wrong.push(format!("no JSON: {error}"));
                break;
            }
        }
    }
    if documents == 0 {
        wrong.push("nothing was printed".into());
    }
    for fault in &wrong {
        println!("{fault}");
    }
    ExitCode::from(u8::from(!wrong.is_empty()))
}
