// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Prints a topology that follows from a number, fits on an empty device and can be enabled, for the
//! tests in the guest.
//!
//! ```sh
//! random-topology 7 > random.toml
//! ```

use dlb_config::{file, Domain, Kind, Object, Topology};

/// Numbers by chance, the same ones each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        // The generator of Marsaglia, "Xorshift RNGs".
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    fn set(&mut self, object: &mut Object, name: &str, words: &[&'static str]) {
        let word = self.pick(words);
        object.set(name, word).expect("the words are right");
    }
}

fn domain(name: &str, chance: &mut Chance) -> Domain {
    let mut domain = Domain::new(name);
    domain.enable = chance.below(5) > 0;
    let own = &mut domain.object;
    chance.set(own, "device", &["auto", "dlb0"]);
    chance.set(own, "lifetime", &["directory", "file"]);
    chance.set(own, "num_ldb_credits", &["auto", "0", "100", "777"]);
    chance.set(own, "num_dir_credits", &["auto", "0", "64"]);
    chance.set(own, "scheduling", &["0", "1"]);

    let ordered = ["0", "0", "64"];
    let queues = chance.below(4);
    for at in 0..queues {
        let mut queue = Object::new(Kind::LdbQueue, &format!("q.{at}"));
        chance.set(&mut queue, "num_sequence_numbers", &ordered);
        chance.set(&mut queue, "num_atomic_inflights", &["0", "1", "64"]);
        chance.set(&mut queue, "lock_id_comp_level", &["0", "64", "65536"]);
        chance.set(&mut queue, "depth_threshold", &["0", "256", "8191"]);
        domain.add(queue);
    }
    // A load-balanced queue needs a port that could take from it.
    let ports = chance.below(4) + usize::from(queues > 0);
    for at in 0..ports {
        let mut port = Object::new(Kind::LdbPort, &format!("w{at}"));
        chance.set(&mut port, "cq_depth", &["1", "8", "64", "128"]);
        chance.set(&mut port, "cq_history_list_size", &["auto", "1", "100"]);
        chance.set(&mut port, "cos", &["any", "0", "1", "2", "3"]);
        chance.set(&mut port, "enabled", &["0", "1"]);
        let mut links = Vec::new();
        for queue in 0..queues {
            if chance.below(2) > 0 {
                links.push(format!("q.{queue}:{}", chance.below(8)));
            }
        }
        port.set("links", &links.join(" "))
            .expect("the links are right");
        domain.add(port);
    }
    for at in 0..chance.below(4) {
        let mut port = Object::new(Kind::DirPort, &format!("d_{at}"));
        chance.set(&mut port, "cq_depth", &["8", "64", "256"]);
        chance.set(&mut port, "producer", &["0", "1"]);
        chance.set(&mut port, "enabled", &["0", "1"]);
        // Either end of the pair names the other.
        let mut queue = Object::new(Kind::DirQueue, &format!("dq-{at}"));
        match chance.below(3) {
            0 => drop(queue),
            1 => {
                port.set("queue", &queue.name).expect("a name");
                domain.add(queue);
            }
            _ => {
                queue.set("port", &port.name).expect("a name");
                domain.add(queue);
            }
        }
        domain.add(port);
    }
    domain
}

fn main() {
    let number = std::env::args().nth(1).and_then(|word| word.parse().ok());
    let mut chance = Chance(number.unwrap_or(1u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut topology = Topology::default();
    for name in ["one", "t-w.o", "_3"] {
        if chance.below(4) > 0 {
            let domain = domain(name, &mut chance);
            topology.domains.insert(name.to_string(), domain);
        }
    }
    print!("{}", file::format(&topology));
}
