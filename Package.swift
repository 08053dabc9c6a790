// swift-tools-version: 6.2
// One target per room of docs/ARCHITECTURE.md. A room may import only what its line below names;
// the build checks it (--explicit-target-dependency-import-check error) and TidyTests keeps it.
//
// VARVE_ROOM=Name narrows the package to that room and what it stands on, with its tests:
// a few seconds instead of minutes for whoever works in one room. VARVE_V3=1 builds the hot rooms
// for x86-64-v3 (AVX2). VARVE_MUTANTS=1 builds in the bugs of Mutant.swift.

import Foundation
import PackageDescription

let environment = ProcessInfo.processInfo.environment

let mutants: [SwiftSetting] =
    environment["VARVE_MUTANTS"] == "1" ? [.define("VARVE_MUTANTS")] : []

let strict: [SwiftSetting] =
    mutants + [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .strictMemorySafety(),
        .treatAllWarnings(as: .error),
        // Deprecations in a dependency's next release are news, not a broken build.
        .treatWarning("DeprecatedDeclaration", as: .warning),
    ]

/// recvmmsg, fallocate and kin are only visible with GNU extensions.
let gnu: [CSetting] = [.define("_GNU_SOURCE")]
let hot: [CSetting] =
    environment["VARVE_V3"] == "1" ? gnu + [.unsafeFlags(["-march=x86-64-v3"])] : gnu

struct Room {
    enum Kind {
        case library, executable, systemLibrary, shim, tests, testSupport
        /// Links only with a fuzzer: not there unless VARVE_ROOM names it.
        case fuzzer
    }
    var name: String
    var kind: Kind = .library
    var rooms: [String] = []
    var products: [String] = []
    var path: String?
    var cSettings: [CSetting] = gnu
    var resources: [Resource] = []
    var exclude: [String] = []
    var apt: String?
    var link: [String] = []
    /// A file without which the room is not there: what `make` builds before.
    var needs: String?
    /// Folder of the archive that the room links.
    var archive: String?
}

let etcdRaftFolder = ".build/etcdraft"

let nio = Package.Dependency.package(url: "https://github.com/apple/swift-nio", from: "2.101.2")

let hummingbird = Package.Dependency.package(
    url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: [])

/// product → (package, its declaration). Each enters with the feature that needs it.
let outside: [String: (package: String, declaration: Package.Dependency)] = [
    "NIOCore": ("swift-nio", nio), "NIOPosix": ("swift-nio", nio), "NIOHTTP1": ("swift-nio", nio),
    "NIOEmbedded": ("swift-nio", nio),
    "NIOConcurrencyHelpers": ("swift-nio", nio),
    "NIOSSL": (
        "swift-nio-ssl",
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6")
    ),
    "Hummingbird": ("hummingbird", hummingbird),
    "HummingbirdCore": ("hummingbird", hummingbird),
    "ServiceLifecycle": (
        "swift-service-lifecycle",
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0")
    ),
    "Logging": ("swift-log", .package(url: "https://github.com/apple/swift-log", from: "1.16.2")),
    "HTTPTypes": (
        "swift-http-types",
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: [])
    ),
    "NIOHTTPTypes": (
        "swift-nio-extras",
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.1")
    ),
    "ArgumentParser": (
        "swift-argument-parser",
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ),
    "TOMLKit": ("TOMLKit", .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0")),
    "Yams": ("Yams", .package(url: "https://github.com/jpsim/Yams", from: "6.2.2")),
]
let house: [Room] = [
    // C at the edges: system libraries and header-only shims.
    Room(name: "CLZ4", kind: .systemLibrary, apt: "liblz4-dev"),
    Room(name: "CSQLite", kind: .systemLibrary, apt: "libsqlite3-dev"),
    Room(name: "CSnappy", kind: .systemLibrary, apt: "libsnappy-dev"),
    Room(name: "CZlib", kind: .systemLibrary, apt: "zlib1g-dev"),
    Room(name: "CZstd", kind: .systemLibrary, apt: "libzstd-dev"),
    Room(name: "CKernels", kind: .shim),
    Room(name: "CSocket", kind: .shim),
    Room(name: "CMemory", kind: .shim),
    Room(name: "CRE2", kind: .shim, link: ["re2"]),
    // etcd's raft as a C archive: scripts/build-etcdraft.
    Room(name: "CEtcdRaft", kind: .systemLibrary, needs: etcdRaftFolder + "/libvarveraft.a"),

    Room(
        name: "Encoding", rooms: ["CLZ4", "CSnappy", "CZlib", "CZstd", "CKernels"],
        cSettings: hot),
    Room(
        name: "Platform", rooms: ["CSocket", "CMemory"],
        products: ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL"]),
    Room(name: "Raft", rooms: ["CEtcdRaft"], archive: etcdRaftFolder),
    Room(name: "Model", rooms: ["Encoding", "CRE2"]),
    Room(name: "Replication", rooms: ["Raft", "Encoding", "Platform"]),
    Room(name: "Ingest", rooms: ["Model", "Encoding", "Platform"], products: ["NIOCore", "Yams"]),
    Room(name: "Storage", rooms: ["Model", "Encoding", "Platform", "CSQLite"]),
    Room(name: "Query", rooms: ["Model", "Encoding"]),
    Room(
        name: "Cluster",
        rooms: ["Replication", "Raft", "Storage", "Model", "Encoding", "Platform"]),
    Room(
        name: "Server",
        rooms: ["Cluster", "Ingest", "Query", "Model", "Encoding", "Platform"],
        products: [
            "Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOHTTPTypes", "NIOCore", "NIOPosix",
            "ServiceLifecycle", "Logging", "Yams",
        ]),
    Room(
        name: "varve", kind: .executable,
        rooms: ["Server", "Cluster", "Query", "Model", "Platform"],
        products: ["ArgumentParser", "TOMLKit", "Logging"]),

    Room(
        name: "Simulator", kind: .testSupport, rooms: ["Platform", "Encoding"],
        path: "Tests/Support/Simulator"),
    Room(
        name: "QuerySupport", kind: .testSupport, rooms: ["Model"],
        path: "Tests/Support/QuerySupport"),
    Room(
        name: "Fuzz", kind: .testSupport,
        rooms: [
            "Encoding", "Model", "Query", "Ingest", "Platform", "Storage", "Raft", "Replication",
            "Cluster", "Server", "Simulator", "QuerySupport",
        ],
        path: "Tests/Fuzz", exclude: ["Corpus"]),
    Room(
        name: "FuzzDriver", kind: .fuzzer, rooms: ["Fuzz"], path: "Tests/FuzzDriver"),
    Room(
        name: "Bench", kind: .executable,
        rooms: [
            "Encoding", "Model", "Query", "Ingest", "Platform", "Storage", "Raft", "Replication",
            "Cluster", "QuerySupport",
        ],
        products: ["NIOCore", "NIOPosix"], path: "Tests/Bench"),
    Room(name: "EncodingTests", kind: .tests, rooms: ["Encoding"]),
    Room(
        name: "PlatformTests", kind: .tests, rooms: ["Platform", "Simulator"],
        products: ["NIOCore", "NIOPosix"]),
    Room(name: "RaftTests", kind: .tests, rooms: ["Raft"]),
    Room(name: "ModelTests", kind: .tests, rooms: ["Model", "Encoding"]),
    Room(
        name: "ReplicationTests", kind: .tests,
        rooms: ["Replication", "Raft", "Encoding", "Platform", "Simulator"], exclude: ["Golden"]),
    Room(
        name: "IngestTests", kind: .tests, rooms: ["Ingest", "Model", "Encoding", "Platform"],
        products: ["NIOCore", "NIOPosix"]),
    Room(
        name: "StorageTests", kind: .tests,
        rooms: ["Storage", "Model", "Encoding", "Platform", "Simulator"], exclude: ["Golden"]),
    Room(
        name: "QueryTests", kind: .tests, rooms: ["Query", "Model", "QuerySupport"],
        exclude: ["Scripts"]),
    Room(
        name: "ClusterTests", kind: .tests,
        rooms: [
            "Cluster", "Replication", "Raft", "Storage", "Model", "Encoding", "Platform",
            "Simulator",
        ]),
    Room(
        name: "ServerTests", kind: .tests,
        rooms: [
            "Server", "Cluster", "Ingest", "Query", "Model", "Encoding", "Platform", "Simulator",
            "QuerySupport",
        ],
        products: ["NIOCore", "NIOEmbedded", "NIOHTTPTypes", "HTTPTypes"]),
    Room(
        name: "SimulationTests", kind: .tests,
        rooms: [
            "Cluster", "Replication", "Raft", "Storage", "Model", "Encoding", "Platform",
            "Simulator",
        ]),
    Room(name: "FuzzTests", kind: .tests, rooms: ["Fuzz"]),
    Room(name: "TidyTests", kind: .tests),
]

/// The rooms to build: those whose folder exists, narrowed to VARVE_ROOM's closure when it is set.
@MainActor
func chosenRooms() -> [Room] {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let present = house.filter { room in
        ([folder(of: room)] + (room.needs.map { [$0] } ?? [])).allSatisfy {
            FileManager.default.fileExists(atPath: here.appendingPathComponent($0).path)
        }
    }
    guard let wanted = environment["VARVE_ROOM"], !wanted.isEmpty else {
        return present.filter { $0.kind != .fuzzer }
    }
    var closure = Set<String>()
    var pending = wanted.split(separator: ",").flatMap { [String($0), "\($0)Tests"] }
    while let name = pending.popLast() {
        guard let room = house.first(where: { $0.name == name }) else { continue }
        if closure.insert(name).inserted { pending += room.rooms }
    }
    return present.filter { closure.contains($0.name) }
}

func folder(of room: Room) -> String {
    room.path ?? (room.kind == .tests ? "Tests/\(room.name)" : "Sources/\(room.name)")
}

let rooms = chosenRooms()
let roomNames = Set(rooms.map(\.name))

@MainActor
func target(for room: Room) -> Target {
    let dependencies: [Target.Dependency] =
        room.rooms.filter(roomNames.contains).map { .target(name: $0) }
        + room.products.map { .product(name: $0, package: outside[$0]?.package ?? $0) }
    let path = folder(of: room)
    switch room.kind {
    case .systemLibrary:
        return .systemLibrary(
            name: room.name, path: path, providers: room.apt.map { [.apt([$0])] } ?? [])
    case .shim:
        return .target(
            name: room.name, path: path, cSettings: gnu,
            linkerSettings: room.link.map { .linkedLibrary($0) })
    case .library, .testSupport:
        var linker: [LinkerSetting] = []
        if let folder = room.archive, !dependencies.isEmpty {
            let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            linker = [
                .unsafeFlags(["-L", here.appendingPathComponent(folder).path]),
                .linkedLibrary("varveraft"),
            ]
        }
        return .target(
            name: room.name, dependencies: dependencies, path: path, exclude: room.exclude,
            resources: room.resources, cSettings: room.cSettings, swiftSettings: strict,
            linkerSettings: linker)
    case .executable, .fuzzer:
        return .executableTarget(
            name: room.name, dependencies: dependencies, path: path,
            resources: room.resources, cSettings: room.cSettings, swiftSettings: strict)
    case .tests:
        return .testTarget(
            name: room.name, dependencies: dependencies, path: path, exclude: room.exclude,
            resources: room.resources, cSettings: room.cSettings, swiftSettings: strict)
    }
}

let usedProducts = Set(rooms.flatMap(\.products))
var usedPackages: [String: Package.Dependency] = [:]
for product in usedProducts.sorted() {
    if let entry = outside[product] { usedPackages[entry.package] = entry.declaration }
}

let package = Package(
    name: "varve",
    products: roomNames.contains("varve") ? [.executable(name: "varve", targets: ["varve"])] : [],
    dependencies: usedPackages.sorted { $0.key < $1.key }.map(\.value),
    targets: rooms.map { target(for: $0) },
    cxxLanguageStandard: .cxx17
)
