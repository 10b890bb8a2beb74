// SPDX-License-Identifier: Apache-2.0
// A program that uses much of the standard library: a calculator of its input,
// collections, files, long work, a panic.
use std::collections::{BTreeMap, HashMap, HashSet, BinaryHeap, VecDeque};
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::rc::Rc;
use std::cell::RefCell;

// A calculator: text to a tree to a value, with errors.
#[derive(Debug, Clone)]
enum Expr { Num(f64), Var(String), Bin(Box<Expr>, char, Box<Expr>) }

#[derive(Debug)]
enum Error { Unexpected(char, usize), End, Unknown(String), Zero }

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Unexpected(c, at) => write!(f, "unexpected '{}' at {}", c, at),
            Error::End => write!(f, "unexpected end"),
            Error::Unknown(v) => write!(f, "unknown variable {}", v),
            Error::Zero => write!(f, "division by zero"),
        }
    }
}
impl std::error::Error for Error {}

struct Parser<'a> { chars: std::iter::Peekable<std::iter::Enumerate<std::str::Chars<'a>>> }

impl<'a> Parser<'a> {
    fn new(s: &'a str) -> Self { Parser { chars: s.chars().enumerate().peekable() } }
    fn skip(&mut self) { while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {} }
    fn sum(&mut self) -> Result<Expr, Error> { self.level("+-", Self::product) }
    fn product(&mut self) -> Result<Expr, Error> { self.level("*/", Self::atom) }
    fn level(&mut self, ops: &str, next: fn(&mut Self) -> Result<Expr, Error>) -> Result<Expr, Error> {
        let mut left = next(self)?;
        loop {
            self.skip();
            match self.chars.next_if(|(_, c)| ops.contains(*c)) {
                Some((_, op)) => left = Expr::Bin(Box::new(left), op, Box::new(next(self)?)),
                None => return Ok(left),
            }
        }
    }
    fn atom(&mut self) -> Result<Expr, Error> {
        self.skip();
        match self.chars.next() {
            None => Err(Error::End),
            Some((_, '(')) => {
                let e = self.sum()?;
                match self.chars.next() { Some((_, ')')) => Ok(e), Some((i, c)) => Err(Error::Unexpected(c, i)), None => Err(Error::End) }
            }
            Some((_, c)) if c.is_ascii_digit() => {
                let mut s = c.to_string();
                while let Some((_, c)) = self.chars.next_if(|(_, c)| c.is_ascii_digit() || *c == '.') { s.push(c) }
                Ok(Expr::Num(s.parse().unwrap()))
            }
            Some((_, c)) if c.is_alphabetic() => {
                let mut s = c.to_string();
                while let Some((_, c)) = self.chars.next_if(|(_, c)| c.is_alphanumeric()) { s.push(c) }
                Ok(Expr::Var(s))
            }
            Some((i, c)) => Err(Error::Unexpected(c, i)),
        }
    }
}

fn eval(e: &Expr, vars: &HashMap<String, f64>) -> Result<f64, Error> {
    Ok(match e {
        Expr::Num(n) => *n,
        Expr::Var(v) => *vars.get(v).ok_or_else(|| Error::Unknown(v.clone()))?,
        Expr::Bin(a, op, b) => {
            let (a, b) = (eval(a, vars)?, eval(b, vars)?);
            match op { '+' => a + b, '-' => a - b, '*' => a * b, _ if b == 0.0 => return Err(Error::Zero), _ => a / b }
        }
    })
}

fn calculate() -> Result<(), Box<dyn std::error::Error>> {
    let mut vars = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (name, text) = line.split_once('=').map_or((None, &line[..]), |(n, t)| (Some(n.trim()), t));
        match Parser::new(text).sum().and_then(|e| eval(&e, &vars)) {
            Ok(v) => { println!("{}", v); if let Some(n) = name { vars.insert(n.to_string(), v); } }
            Err(e) => println!("error: {}", e),
        }
    }
    Ok(())
}

struct Loud(&'static str, Rc<RefCell<Vec<&'static str>>>);
impl Drop for Loud { fn drop(&mut self) { self.1.borrow_mut().push(self.0) } }

fn collections() {
    let words: Vec<&str> = "the cat and the dog and the bird".split(' ').collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for w in &words { *counts.entry(w).or_default() += 1 }
    println!("{:?}", counts);
    let unique: HashSet<_> = words.iter().collect();
    let mut heap: BinaryHeap<_> = words.iter().map(|w| (w.len(), *w)).collect();
    println!("{} {:?} {:?}", unique.len(), heap.pop(), heap.into_sorted_vec().first());
    let mut q: VecDeque<i32> = (1..=5).collect();
    q.rotate_left(2);
    println!("{:?} {}", q, q.iter().filter(|x| *x % 2 == 1).map(|x| x * x).sum::<i32>());
    let log = Rc::new(RefCell::new(Vec::new()));
    { let _a = Loud("a", log.clone()); let _b = Loud("b", log.clone()); }
    println!("{:?} {} {:>8.3}|{:<5}|{:#x} {}", log.borrow(), Rc::strong_count(&log), 3.14159, "ab", 255, u64::MAX);
    println!("{} {:?} {:?}", "héllo".to_uppercase(), "a,b,,c".split(',').collect::<Vec<_>>(), "x".repeat(3).char_indices().last());
    println!("{:?} {:?} {}", i32::MAX.checked_add(1), 7u8.overflowing_sub(9), (-7i32).rem_euclid(3));
}

fn work() {
    let n = 2_000_000;
    let mut sieve = vec![true; n];
    for i in 2..n { if i * i >= n { break } if sieve[i] { for j in (i * i..n).step_by(i) { sieve[j] = false } } }
    let mut v: Vec<u64> = (0..300_000u64).map(|i| i.wrapping_mul(6364136223846793005).rotate_left(17)).collect();
    v.sort();
    let mut m = HashMap::new();
    for i in 0..200_000u32 { m.insert(format!("key {}", i), i); if i >= 1000 { m.remove(&format!("key {}", i - 1000)); } }
    println!("{} {} {}", sieve[2..].iter().filter(|x| **x).count(), v.windows(2).all(|w| w[0] <= w[1]), m.len());
}

fn files(dir: &str) -> io::Result<()> {
    let mut f = std::fs::File::create(format!("{}/new", dir))?;
    writeln!(f, "one\ntwo")?;
    drop(f);
    let mut s = String::new();
    std::fs::File::open(format!("{}/new", dir))?.read_to_string(&mut s)?;
    std::fs::rename(format!("{}/new", dir), format!("{}/old", dir))?;
    let mut names: Vec<_> = std::fs::read_dir(dir)?.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    println!("{:?} {:?} {}", s, names, std::fs::metadata(format!("{}/old", dir))?.len());
    println!("{:?}", std::fs::read(format!("{}/none", dir)).map_err(|e| e.kind()));
    Ok(())
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(|s| &s[..]) {
        Some("calculate") => calculate().unwrap(),
        Some("collections") => collections(),
        Some("work") => work(),
        Some("files") => files(&args[2]).unwrap(),
        Some("panic") => { let v = vec![1, 2, 3]; println!("{}", v[args.len() + 5]) }
        _ => std::process::exit(7),
    }
}
