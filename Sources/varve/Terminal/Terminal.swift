internal import ArgumentParser
internal import Foundation
internal import Platform

/// Standard output and error, and what kind of thing they are.
enum Terminal {
    static var width: Int { TerminalFacts.columnCount ?? 100 }

    /// Whether standard output is a terminal that wants colours (NO_COLOR says no).
    static var isColorful: Bool {
        TerminalFacts.isTerminal(.output) && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    }

    static func print(_ lines: [String]) {
        write(Array((lines.joined(separator: "\n") + "\n").utf8))
    }

    /// Whole, to standard output; a reader that went away (`| head`) ends the process quietly.
    static func write(_ bytes: [UInt8]) {
        if !TerminalFacts.write(bytes, to: .output) { Foundation.exit(0) }
    }

    static func complain(_ sentence: String) {
        _ = TerminalFacts.write(Array("varve: \(sentence)\n".utf8), to: .error)
    }

    static func warn(_ sentences: [String]) {
        for sentence in sentences { complain("warning: \(sentence)") }
    }
}

/// Exit statuses like grep's: 0 found, 1 nothing, 2 error.
enum CommandExit {
    static func run(_ body: () async throws -> Bool) async throws {
        let found: Bool
        do {
            found = try await body()
        } catch let exit as ExitCode {
            throw exit
        } catch {
            Terminal.complain("\(error)")
            throw ExitCode(2)
        }
        if !found { throw ExitCode(1) }
    }
}
