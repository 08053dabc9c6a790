import Foundation
import Platform
import Simulator
import Testing

/// What the house relies on of a disk, of the real one and of the simulated one alike.
final class LocalDiskTests {
    private let root = NSTemporaryDirectory() + "varve-platform-\(UUID().uuidString)"

    deinit { try? FileManager.default.removeItem(atPath: root) }

    private func disks() throws -> [any Disk] {
        [try LocalDisk(root: root), SimulatedDisk(seed: 1)]
    }

    @Test func aFileKeepsWhatWasWritten() throws {
        for disk in try disks() {
            try disk.makeDirectories("a/b")
            let file = try disk.open("a/b/file", .create)
            try file.write(Array("hello".utf8), at: 3)
            #expect(try file.size() == 8)
            #expect(try file.read(at: 0, count: 100) == [0, 0, 0] + Array("hello".utf8))
            #expect(try file.read(at: 6, count: 1) == Array("l".utf8))
            #expect(try file.read(at: 9, count: 1) == [])
            try file.truncate(to: 4)
            try file.sync()
            try file.close()
            #expect(try disk.readAll("a/b/file") == [0, 0, 0, UInt8(ascii: "h")])
            #expect(throws: DiskError.self) { try file.size() }
        }
    }

    @Test func whatPassesByTheCacheIsReadAsAnyOther() throws {
        for disk in try disks() {
            try disk.makeDirectories("a")
            let file = try disk.open("a/file", .create)
            try file.preallocate(1 << 20)
            file.bypassCache()
            // Larger than the writer's own memory, and from an address that no disk would take.
            let pages = (0..<600 << 10).map { UInt8(truncatingIfNeeded: $0 / 7) }
            try file.write(pages, at: 4096)
            try file.sync()
            #expect(try file.read(at: 4096, count: pages.count) == pages)
            try file.write(pages.span.extracting(1..<4097), at: 8192)
            // No whole page, and not at one.
            try file.write([1, 2, 3], at: 8190)
            try disk.rename("a/file", to: "a/other")
            try file.write([UInt8](repeating: 9, count: 4096), at: 0)
            try file.sync()
            let found = try disk.readAll("a/other")
            #expect(found.count == 1 << 20)
            #expect(found[..<4096].allSatisfy { $0 == 9 })
            #expect(found[8190..<8193] == [1, 2, 3])
            #expect(found[8193..<12288] == pages[2..<4097])
            #expect(found[12288..<4096 + pages.count] == pages[8192...])
        }
    }

    @Test func aModeSaysWhatMayBeThere() throws {
        for disk in try disks() {
            #expect(throws: DiskError.self) { try disk.open("none", .read) }
            #expect(throws: DiskError.self) { try disk.open("none", .write) }
            try disk.open("some", .create).write([1, 2], at: 0)
            #expect(throws: DiskError.self) { try disk.open("some", .create) }
            #expect(try disk.open("some", .openOrCreate).size() == 2)
            #expect(try disk.open("some", .replace).size() == 0)
        }
    }

    @Test func namesAreListedMovedAndRemoved() throws {
        for disk in try disks() {
            try disk.makeDirectories("d/sub")
            try disk.makeDirectories("d/sub")
            for name in ["b", "a", "c"] {
                try disk.open("d" / name, .create).write([UInt8](name.utf8), at: 0)
            }
            #expect(try disk.list("d").map(\.name) == ["a", "b", "c", "sub"])
            try disk.rename("d/a", to: "d/b")
            #expect(try disk.readAll("d/b") == [UInt8](ascii: "a"))
            #expect(!disk.exists("d/a") && disk.exists("d/sub"))
            #expect(throws: DiskError.self) { try disk.remove("d") }
            #expect(throws: DiskError.self) { try disk.list("none") }
            try disk.syncDirectory("d")
            try disk.removeTree("d")
            #expect(!disk.exists("d"))
            try disk.removeTree("d")
        }
    }

    @Test func aReplacedFileIsTheOldOrTheNewOne() throws {
        for disk in try disks() {
            try disk.replaceDurably("file", with: [1])
            try disk.replaceDurably("file", with: [2, 3])
            #expect(try disk.readAll("file") == [2, 3])
            #expect(try disk.list(.root).map(\.name) == ["file"])
        }
    }

    @Test func spaceIsTold() throws {
        for disk in try disks() {
            let space = try disk.space()
            #expect(space.freeBytes > 0 && space.totalBytes >= space.freeBytes)
        }
    }

    @Test func aDirectoryHasOneOwner() throws {
        let first = try LocalDisk(root: root)
        try first.lock()
        let second = try LocalDisk(root: root)
        #expect(throws: DiskError.self) { try second.lock() }
    }

    @Test(arguments: ["../x", "/x", "a//b", "a/../b", ".", "a/", "a\u{0}b"])
    func noPathLeavesTheRoot(text: String) { #expect(DiskPath(checking: text) == nil) }
}

extension [UInt8] {
    fileprivate init(ascii text: String) { self = Array(text.utf8) }
}
