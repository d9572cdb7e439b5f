"""The table of docs/promises.md that FaultMatrix fills: promises_table.py build/promises.csv prints a row a point, its actions together."""
import csv
import sys


def main():
    points = {}
    with open(sys.argv[1], encoding="utf-8") as file:
        for row in csv.DictReader(file):
            point = points.setdefault(row["point"], {"actions": [], "tried": 0, "lost": 0, "twice": 0, "other_bits": 0})
            point["actions"].append(row["action"])
            for key in ("tried", "lost", "twice", "other_bits"):
                point[key] += int(row[key])
    print("| at | actions | tried | lost | twice | other bits |\n| --- | --- | --- | --- | --- | --- |")
    for name, point in points.items():
        print(f"| `{name}` | {', '.join(sorted(point['actions']))} | {point['tried']} | {point['lost']} | {point['twice']} | {point['other_bits']} |")
    total = {key: sum(point[key] for point in points.values()) for key in ("tried", "lost", "twice", "other_bits")}
    print(f"| all {len(points)} | | {total['tried']} | {total['lost']} | {total['twice']} | {total['other_bits']} |")


if __name__ == "__main__":
    main()
