import Foundation
import Model
import Platform
import Server
import Simulator
import Synchronization
import Testing

/// Groups at work: slots, series and their ends, state over restarts, other rules, other nodes.
@Suite struct RuleServiceTests {
    static let recording = """
        groups:
        - name: sums
          rules:
          - {record: "job:a:sum", expr: "sum by (job) (a)", labels: {site: north}}
          - {record: "job:a:double", expr: "job:a:sum * 2"}
        """

    static func alert(hold: String) -> String {
        """
        groups:
        - name: alerts
          rules:
          - {alert: High, expr: a > 1, for: \(hold), labels: {severity: page},
             annotations: {summary: too high}}
        """
    }

    @Test func aRuleSeesWhatTheOneBeforeItWrote() async throws {
        let world = RuleWorld()
        let service = world.service(try world.configuration(Self.recording))
        world.put("a", 3, [("job", "x"), ("i", "1")])
        world.put("a", 4, [("job", "x"), ("i", "2")])
        await world.pass(minutes: 1, service)
        let job = Labels([("job", "x"), ("site", "north")])
        #expect(try await world.last("job:a:sum") == [job: 7])
        #expect(try await world.last("job:a:double") == [job: 14])
        #expect(world.figure("varve_rule_evaluations_total") == 2)
        #expect(world.figure("varve_rule_group_iterations_missed_total") == 0)
        await service.stop()
    }

    @Test func missedSlotsAreCounted() async throws {
        let world = RuleWorld()
        let service = world.service(try world.configuration(Self.recording))
        await world.pass(minutes: 1, service)
        world.time.advance(byNanos: 180_000_000_000)
        for work in service.takeDue() { await service.perform(work) }
        #expect(world.figure("varve_rule_group_iterations_missed_total") == 2)
        #expect(world.figure("varve_rule_group_iterations_total") == 4)
        await service.stop()
    }

    @Test func aSeriesThatIsNotGivenAnyMoreEnds() async throws {
        let world = RuleWorld()
        let service = world.service(try world.configuration(Self.recording))
        world.put("a", 3, [("job", "x")])
        await world.pass(minutes: 1, service)
        world.put("a", .staleMarker, [("job", "x")])
        await world.pass(minutes: 1, service)
        let ended = try #require(try await world.last("job:a:sum").values.first)
        #expect(ended.isStaleMarker)
        await service.stop()
    }

    @Test func seriesOfRulesThatAreNoMoreEnd() async throws {
        let world = RuleWorld()
        let service = world.service(try world.configuration(Self.recording))
        world.put("a", 3, [("job", "x")])
        await world.pass(minutes: 1, service)
        let less = Self.recording.replacingOccurrences(of: "job:a:double", with: "job:a:other")
        service.reload(try world.configuration(less))
        world.put("a", 3, [("job", "x")])
        await world.pass(minutes: 3, service)
        let double = try #require(try await world.last("job:a:double").values.first)
        #expect(double.isStaleMarker)
        #expect(try await world.last("job:a:sum").values.first == 3)
        #expect(try await world.last("job:a:other").values.first == 6)
        await service.stop()
    }

    @Test func aFailureIsToldAndCounted() async throws {
        let world = RuleWorld()
        let text = """
            groups:
            - name: bad
              rules:
              - {record: one, expr: 'label_replace(a, "i", "", "", "")'}
              - {record: two, expr: 'a', labels: {i: same}}
            - name: few
              limit: 1
              rules: [{record: three, expr: a}]
            """
        let service = world.service(try world.configuration(text))
        world.put("a", 1, [("i", "1")])
        world.put("a", 1, [("i", "2")])
        await world.pass(minutes: 1, service)
        let rules = try world.rules(service)
        #expect(rules.map { $0["health"] as? String } == ["err", "err", "err"])
        #expect("\(rules[1]["lastError"] ?? "")".contains("same labelset"))
        #expect("\(rules[2]["lastError"] ?? "")".contains("exceeded limit of 1 with 2 series"))
        #expect(world.figure("varve_rule_evaluation_failures_total") == 3)
        #expect(world.warnings.withLock { $0.count } == 3)
        await service.stop()
    }

    /// `minutesLacking`: how long the state cannot be read after the restart.
    @Test(arguments: [(minutesLacking: 0, ages: 10...12), (3, 10...12), (9, 0...9)])
    func stateComesBackAfterARestart(minutesLacking: Int, ages: ClosedRange<Int64>) async throws {
        let world = RuleWorld()
        let text = Self.alert(hold: "30m")
        let first = world.service(try world.configuration(text))
        for _ in 0..<12 {
            world.put("a", 2)
            await world.pass(minutes: 1, first)
        }
        // Series are written from the second evaluation on.
        #expect(try await world.last("ALERTS_FOR_STATE").count == 1)
        let before = try world.alerts(first)
        await first.stop()

        world.time.advance(byNanos: 300_000_000_000)
        let second = world.service(try world.configuration(text))
        let minutes = max(2, minutesLacking + 1)
        for minute in 0..<minutes {
            world.querier.lacking.withLock {
                $0 = minute < minutesLacking ? "ALERTS_FOR_STATE" : nil
            }
            world.put("a", 2)
            await world.pass(minutes: 1, second)
        }
        let after = try world.alerts(second)
        #expect(before.count == 1 && after.count == 1)
        let complaints = world.warnings.withLock { $0.filter { $0.contains("no leader") }.count }
        #expect(complaints == max(0, min(minutesLacking - 1, 5)))
        // Pending since 11 minutes before the end; the outage does not count. Who cannot read that
        // for too long begins anew.
        let began = try #require(after.first?.split(separator: " ").last)
        let nanos = try #require(TimeText.parse(String(began))?.nanos)
        let age = (world.time.wallNanos() - nanos) / 60_000_000_000
        #expect(ages.contains(age), "pending for \(age) minutes")
        await second.stop()
    }

    @Test func afterALongOutageAlertsBeginAnew() async throws {
        let world = RuleWorld()
        let text = Self.alert(hold: "30m")
        let first = world.service(try world.configuration(text))
        for _ in 0..<5 {
            world.put("a", 2)
            await world.pass(minutes: 1, first)
        }
        await first.stop()
        world.time.advance(byNanos: 7_200_000_000_000)
        let second = world.service(try world.configuration(text))
        let start = world.time.wallNanos()
        for _ in 0..<2 {
            world.put("a", 2)
            await world.pass(minutes: 1, second)
        }
        let began = try #require(try world.alerts(second).first?.split(separator: " ").last)
        #expect(try #require(TimeText.parse(String(began))?.nanos) >= start)
        await second.stop()
    }

    @Test func aReloadKeepsAlerts() async throws {
        let world = RuleWorld()
        let service = world.service(try world.configuration(Self.alert(hold: "2m")))
        for _ in 0..<4 {
            world.put("a", 2)
            await world.pass(minutes: 1, service)
        }
        let before = try world.alerts(service)
        #expect(before.first?.hasPrefix("firing") == true)
        service.reload(try world.configuration(Self.alert(hold: "3m")))
        #expect(try world.alerts(service) == before)
        await service.stop()
    }

    @Test func onlyTheKeeperEvaluates() async throws {
        let world = RuleWorld()
        world.isKeeper.withLock { $0 = false }
        let service = world.service(try world.configuration(Self.recording))
        world.put("a", 3, [("job", "x")])
        await world.pass(minutes: 2, service)
        #expect(try await world.last("job:a:sum").isEmpty)
        #expect(try world.rules(service).first?["health"] as? String == "unknown")
        world.isKeeper.withLock { $0 = true }
        await world.pass(minutes: 2, service)
        #expect(try await world.last("job:a:sum").count == 1)
        await service.stop()
    }

    @Test func theAPIFilters() async throws {
        let world = RuleWorld()
        let text = Self.recording + "\n" + Self.alert(hold: "1m").dropFirst("groups:\n".count)
        let service = world.service(try world.configuration(text))
        func names(_ parameters: [(String, String)]) throws -> [String] {
            try world.rules(service, parameters).compactMap { $0["name"] as? String }
        }
        #expect(try names([]) == ["High", "job:a:sum", "job:a:double"])
        #expect(try names([("type", "alert")]) == ["High"])
        #expect(try names([("rule_name[]", "job:a:sum")]) == ["job:a:sum"])
        #expect(try names([("rule_group[]", "alerts")]) == ["High"])
        #expect(try names([("file[]", "other.yaml")]).isEmpty)
        #expect(try names([("match[]", "{severity=\"page\"}")]) == ["High"])
        #expect(try names([("group_limit", "1")]) == ["High"])
        #expect(throws: HTTPFailure.self) { try names([("type", "both")]) }
        #expect(throws: HTTPFailure.self) { try names([("group_next_token", "x")]) }
        await service.stop()
    }
}
