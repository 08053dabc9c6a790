import Model
import Platform
import Testing

@testable import Storage

struct SegmentIndexTests {
    static func population(_ dice: inout Dice, count: Int) -> [IndexedSeries] {
        var seen = Set<IndexedSeries>()
        let tenants = [Tenant.standard, Tenant("acme") ?? .standard, Tenant("zeta") ?? .standard]
        for _ in 0..<count {
            var pairs = [("__name__", dice.pick(["up", "http_requests_total", "cpu"]))]
            if dice.below(4) > 0 { pairs.append(("instance", "host-\(dice.below(300)):9100")) }
            if dice.below(2) > 0 { pairs.append(("env", dice.pick(["prod", "stage", "dev"]))) }
            if dice.below(9) == 0 { pairs.append(("é", dice.pick(["ü\u{0}x", "\n", "z"]))) }
            seen.insert(IndexedSeries(tenant: dice.pick(tenants), labels: Labels(pairs)))
        }
        return seen.sorted()
    }

    static let operations: [(Matcher.Operation, [String])] = [
        (.equal, ["prod", "", "host-7:9100", "up", "none"]),
        (.notEqual, ["prod", "", "host-7:9100", "up", "none"]),
        (.matches, ["prod|stage", ".*", ".+", "host-1.*", "", "(?i)PROD", "host-[0-3]?", "z|"]),
        (.notMatches, ["prod|stage", ".*", ".+", "host-1.*", "", "(?i)PROD", "^up$", "z|"]),
    ]

    static func selector(_ dice: inout Dice) throws -> Selector {
        var alternatives: [[Matcher]] = []
        for _ in 0...dice.below(2) {
            var matchers: [Matcher] = []
            for _ in 0..<dice.below(4) {
                let (operation, values) = dice.pick(operations)
                matchers.append(
                    try Matcher(
                        dice.pick(["__name__", "instance", "env", "é", "absent"]), operation,
                        dice.pick(values)))
            }
            alternatives.append(matchers)
        }
        return Selector(alternatives: alternatives)
    }

    @Test(arguments: [1, 2, 3, 4])
    func selectsWhatTheSelectorMatches(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let series = SegmentIndexTests.population(&dice, count: seed == 4 ? 20 : 1_500)
        let index = try SegmentIndex(
            bytes: try SegmentIndexBuilder.build(series: series), name: "index")
        for _ in 0..<300 {
            let selector = try SegmentIndexTests.selector(&dice)
            let tenant = dice.pick([Tenant.standard, Tenant("acme")!, Tenant("nobody")!])
            let expected = series.indices.filter {
                series[$0].tenant == tenant && selector.matches(series[$0].labels)
            }
            let found = try index.select(tenant: tenant, selector: selector)
            #expect(found.map(Int.init) == expected, "seed \(seed) \(selector)")
            #expect(try index.series(of: found) == expected.map { series[$0] })
            let pairs = expected.flatMap { series[$0].labels.pairs }
            #expect(
                try index.labelNames(tenant: tenant, selector: selector)
                    == Set(pairs.map(\.name)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
            #expect(
                try index.labelValues("instance", tenant: tenant, selector: selector)
                    == Set(pairs.filter { $0.name == "instance" }.map(\.value)).sorted {
                        $0.utf8.lexicographicallyPrecedes($1.utf8)
                    })
        }
    }

    @Test func isTheSameBytesEachTime() throws {
        var dice = Dice(seed: 9)
        let series = SegmentIndexTests.population(&dice, count: 200)
        let many = SegmentIndexTests.population(&dice, count: 5_000)
        let bytes = try SegmentIndexBuilder.build(series: series)
        // What another index left behind is not seen.
        let larger = try SegmentIndexBuilder.build(series: many)
        #expect(larger.count > bytes.count)
        let again = try SegmentIndexBuilder.build(series: series)
        #expect(again == bytes)
    }

    @Test func indexesThatAreMadeAtOnceDoNotMeet() async throws {
        let bytes = try (0..<8).map { try SegmentIndexTests.alone($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<8 {
                group.addTask {
                    for _ in 0..<20 {
                        let again = try SegmentIndexTests.alone(seed)
                        #expect(again == bytes[seed])
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func alone(_ seed: Int) throws -> [UInt8] {
        var dice = Dice(seed: UInt64(seed))
        return try SegmentIndexBuilder.build(
            series: population(&dice, count: 20 + 40 * seed))
    }

    /// A database of tables that stood already has the bytes of one that was made with its rows.
    @Test func tablesThatStandGiveTheBytesOfNewOnes() throws {
        let schema = "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)"
        let writer = SQLiteImageWriter(schema: schema, formatVersion: 3)
        for count in [0, 1, 3_000, 2] {
            let rows = (0..<count).map { [UInt8](repeating: UInt8($0 & 0xFF), count: $0 % 900) }
            let image = try writer.image { (database) throws(StorageError) in
                for (index, row) in rows.enumerated() {
                    try database.insert(
                        "INSERT INTO t VALUES(?,?)", [.integer(Int64(index)), .blob(row)])
                }
            }
            var new = try SQLiteConnection(inMemoryAs: "new")
            try new.execute("PRAGMA page_size=1024; PRAGMA user_version=3; BEGIN; \(schema)")
            for (index, row) in rows.enumerated() {
                try new.insert("INSERT INTO t VALUES(?,?)", [.integer(Int64(index)), .blob(row)])
            }
            try new.execute("COMMIT")
            var bytes = try new.serialized()
            for place in [24, 92, 96] {
                bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0, 1])
            }
            #expect(image == bytes, "\(count) rows")
        }
    }

    @Test func opensFromDiskAndVerifies() throws {
        let scratch = try ScratchDisk()
        let bytes = try SegmentIndexBuilder.build(series: [
            IndexedSeries(tenant: .standard, labels: Labels(["a": "b"]))
        ])
        let checksum = SegmentIndex.checksum(of: bytes)
        try scratch.disk.replaceDurably("x%41?#.idx", with: bytes)
        let index = try SegmentIndex.open(
            disk: scratch.disk, path: "x%41?#.idx", verifying: checksum)
        #expect(index.seriesCount == 1)
        #expect(try index.labels(of: [0]) == [Labels(["a": "b"])])
        #expect(throws: StorageError.self) {
            try SegmentIndex.open(disk: scratch.disk, path: "x%41?#.idx", verifying: checksum ^ 1)
        }
        #expect(throws: StorageError.disk(.notFound(file: "y"))) {
            try SegmentIndex.open(disk: scratch.disk, path: "y")
        }
    }

    @Test func emptySegmentSelectsNothing() throws {
        let index = try SegmentIndex(
            bytes: try SegmentIndexBuilder.build(series: []), name: "index")
        #expect(try index.select(tenant: .standard, selector: .everything) == [])
        #expect(try index.labelNames(tenant: .standard) == [])
        #expect(index.tenants == [])
    }

    @Test func damageIsAnErrorNeverATrap() throws {
        var dice = Dice(seed: 5)
        let series = SegmentIndexTests.population(&dice, count: 400)
        let bytes = try SegmentIndexBuilder.build(series: series)
        for round in 0..<400 {
            var damaged = bytes
            if round % 4 == 0 {
                damaged.removeLast(dice.below(bytes.count))
            } else {
                for _ in 0...dice.below(8) {
                    damaged[dice.below(bytes.count)] ^= UInt8(1 + dice.below(255))
                }
            }
            do {
                let index = try SegmentIndex(bytes: damaged, name: "index")
                for tenant in index.tenants {
                    let all = try index.select(tenant: tenant, selector: .everything)
                    _ = try index.labels(of: all)
                    _ = try index.labelNames(tenant: tenant)
                    _ = try index.labelValues("instance", tenant: tenant)
                    _ = try index.select(
                        tenant: tenant,
                        selector: Selector([try Matcher("env", .notMatches, "p.*")]))
                }
            } catch is StorageError {}
        }
    }
}
