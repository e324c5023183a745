"""`make golden`: write the golden files anew, with what the code says now, and name those that changed."""

from tests.golden.cases import FOLDER, cases

if __name__ == "__main__":
    changed = [case.path.relative_to(FOLDER) for case in cases() if case.rewrite()]
    print("\n".join(map(str, changed)) or "No golden file changed.")
