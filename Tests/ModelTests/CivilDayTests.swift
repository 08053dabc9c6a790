import Model
import Testing

@Suite struct CivilDayTests {
    /// Six centuries around 1970, a day at a time.
    @Test func eachDayFollowsTheOneBefore() {
        var expected = CivilDay(year: 1670, month: 1, day: 1)
        var (ofYear, ofWeek) = (1, expected.ofWeek)
        for number in expected.number..<CivilDay(year: 2270, month: 1, day: 1).number {
            let day = CivilDay(number: number)
            guard day == expected, day.number == number, day.exists, day.ofYear == ofYear,
                day.ofWeek == ofWeek
            else {
                Issue.record("\(number) is \(day), not \(expected)")
                return
            }
            ofWeek = (ofWeek + 1) % 7
            ofYear += 1
            expected.day += 1
            guard expected.day > CivilDay.count(year: expected.year, month: expected.month) else {
                continue
            }
            #expect(!expected.exists)
            (expected.month, expected.day) = (expected.month + 1, 1)
            guard expected.month > 12 else { continue }
            (expected.year, expected.month, ofYear) = (expected.year + 1, 1, 1)
        }
    }

    @Test func knownDays() {
        #expect(CivilDay(number: 0) == CivilDay(year: 1970, month: 1, day: 1))
        #expect(CivilDay(year: 1970, month: 1, day: 1).ofWeek == 4)
        #expect(CivilDay(year: 2000, month: 2, day: 29).number == 11_016)
        #expect(CivilDay(year: 1, month: 1, day: 1).number == -719_162)
        #expect(CivilDay(number: -719_162 - 366) == CivilDay(year: 0, month: 1, day: 1))
        #expect(CivilDay(year: 2024, month: 12, day: 31).ofYear == 366)
        #expect(!CivilDay(year: 1900, month: 2, day: 29).exists)
        #expect(!CivilDay(year: 2024, month: 13, day: 1).exists)
    }
}
