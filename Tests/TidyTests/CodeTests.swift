import Testing

/// What no file may hold, and how large it may be.
@Suite struct CodeTests {
    static let lineCountMax = 500

    @Test(arguments: SourceTree.swift)
    func filesAreSmall(file: SourceFile) {
        #expect(
            file.lines.count <= Self.lineCountMax + 1, "\(file.path): \(file.lines.count) lines")
    }

    /// Words that swallow errors, trap on data, or postpone.
    @Test(arguments: SourceTree.sources)
    func holdsNothingBanned(file: SourceFile) {
        let banned = ["try!", " as! ", "fatalError(", "TODO", "FIXME", "XXX"]
        for (number, line) in file.lines.enumerated() {
            for word in banned where line.contains(word) {
                Issue.record("\(file.path):\(number + 1) has \(word)")
            }
        }
    }

    /// Clock, sleep and dice belong to Platform; everything else is told the time.
    @Test(arguments: SourceTree.sources)
    func asksNoClockOutsideOfPlatform(file: SourceFile) {
        guard file.room != "Platform", file.path.hasSuffix(".swift") else { return }
        let banned = [
            "Date()", "Date.now", "ContinuousClock", "SuspendingClock", "clock_gettime",
            "gettimeofday", "Task.sleep", "usleep(", ".random(in", "SystemRandomNumberGenerator",
            "DispatchTime.now", "UUID()",
        ]
        for (number, line) in file.lines.enumerated() {
            for word in banned where line.contains(word) {
                Issue.record("\(file.path):\(number + 1) calls \(word)")
            }
        }
    }

    /// A function that is a generic's whole state is wrapped again each time it is looked at in place:
    /// every call is slower than the one before, until the stack ends. In a struct it is not.
    @Test(arguments: SourceTree.swift)
    func locksHoldNoBareFunctions(file: SourceFile) {
        guard !file.path.hasPrefix("Tests/TidyTests/") else { return }
        for (number, line) in file.lines.enumerated()
        where ["Mutex<(", "Monitor<("].contains(where: line.contains) && line.contains("->") {
            Issue.record(
                "\(file.path):\(number + 1) has a function behind a lock: put it into a struct")
        }
    }

    @Test(arguments: SourceTree.swift)
    func testsDoNotSleep(file: SourceFile) {
        guard file.isTest, !file.path.hasPrefix("Tests/TidyTests/") else { return }
        for (number, line) in file.lines.enumerated() {
            for word in ["Task.sleep", "usleep(", "Thread.sleep", " sleep("]
            where line.contains(word) {
                Issue.record("\(file.path):\(number + 1) sleeps")
            }
        }
    }

    /// Raw pointers stand in Encoding, Platform and the shims. Model calls the RE2 shim, Index
    /// calls SQLite, Raft calls the archive of etcd's.
    @Test(arguments: SourceTree.sources)
    func pointersStayInTheirRooms(file: SourceFile) {
        let rooms: Set<String> = ["Encoding", "Platform"]
        let doors = [
            "Sources/Model/RegularExpression", "Sources/Storage/Index/",
            "Sources/Raft/EtcdRaft.swift", "Sources/Raft/RaftThread.swift",
        ]
        guard !rooms.contains(file.room), !doors.contains(where: file.path.hasPrefix) else {
            return
        }
        for (number, line) in file.lines.enumerated() where !isComment(line) {
            for word in ["UnsafePointer", "UnsafeMutable", "UnsafeRaw", "withUnsafe", "unsafe "]
            where line.contains(word) {
                Issue.record("\(file.path):\(number + 1) has \(word)")
            }
        }
    }

    @Test(arguments: SourceTree.sources)
    func namesSayWhatAThingIs(file: SourceFile) {
        let name = file.path.split(separator: "/").last ?? ""
        for word in ["Utils", "Util.", "Helper", "Manager", "Common", "Types.swift", "Misc"] {
            #expect(!name.contains(word), "\(file.path)")
        }
        for (number, line) in file.lines.enumerated() where !isComment(line) {
            #expect(
                !line.hasPrefix("public ") && !line.contains(" public "),
                "\(file.path):\(number + 1): across rooms is package")
        }
    }

    /// Whatever another room can see says what it is.
    @Test(arguments: SourceTree.sources)
    func packageDeclarationsAreDocumented(file: SourceFile) {
        for (number, line) in file.lines.enumerated() {
            let trimmed = line.drop { $0 == " " }
            guard isTypeDeclaration(trimmed) else { continue }
            var above = number - 1
            while above >= 0, file.lines[above].drop(while: { $0 == " " }).hasPrefix("@") {
                above -= 1
            }
            let documented =
                above >= 0 && file.lines[above].drop { $0 == " " }.hasPrefix("///")
            let isExtension = trimmed.contains("extension ")
            let nested = line.hasPrefix("        ")
            #expect(
                documented || isExtension || nested || isSmallNested(line),
                "\(file.path):\(number + 1) is not documented: \(trimmed)")
        }
    }

    private func isTypeDeclaration(_ line: Substring) -> Bool {
        ["struct ", "final class ", "enum ", "protocol ", "actor "].contains {
            line.hasPrefix("package \($0)") || line.hasPrefix("package indirect \($0)")
        }
    }

    /// A nested type whose name says all, like `enum Order`.
    private func isSmallNested(_ line: Substring) -> Bool { line.hasPrefix("    ") }

    private func isComment(_ line: Substring) -> Bool {
        line.drop { $0 == " " }.hasPrefix("//")
    }
}
