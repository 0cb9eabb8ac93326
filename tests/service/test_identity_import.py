"""Import of departments and staff: everything or nothing, every bad row named."""
import json
import uuid

import pytest

from tests.lib.importer import DEPARTMENT_HEAD, SERVICE, STAFF_HEAD, Importer, encode, staff, staff_row
from tests.lib.load import wait_until
from tests.lib.system import EXAMPLE

@pytest.fixture
def importer(system):
    return Importer(system)


@pytest.fixture(scope="module")
def unchanged(system):
    """For imports that are refused: one company serves them all."""
    importer = Importer(system)
    yield importer
    assert list(importer.users()) == ["BOSS"]
    assert len(importer.boss.get("/v1/departments")["departments"]) == 1


def errors(report):
    return [(e["file"], e["row"], e["column"], e["reason"], e["value"]) for e in report["errors"]]


def test_example_company(importer):
    departments = (EXAMPLE / "departments.csv").read_bytes()
    # addresses and numbers of its own: what two companies have signs nobody in without the company's name
    people = (EXAMPLE / "staff.csv").read_bytes().replace(b"@example.hk.example", b"@" + importer.slug.encode() + b".example")
    people = people.replace(b"+852 0", b"+852 8")
    dry = importer.run(people, departments, dry_run=True)
    assert not dry.get("applied") and dry["users_created"] == 389 and dry["departments_created"] == 21 and dry.get("errors", []) == []
    assert list(importer.users()) == ["BOSS"]
    report = importer.run(people, departments)
    assert report["applied"] and {**report, "applied": False} == {**dry, "applied": False}
    before = importer.events()
    again = importer.run(people, departments)
    assert again["applied"] and again["users_unchanged"] == 389
    assert not again.get("users_created") and not again.get("users_updated") and not again.get("departments_updated")
    assert importer.events() == before == {"user.created": 390, "department.created": 22, "user.updated": 1}


def test_every_bad_row_of_the_example_is_named_and_nothing_applied(unchanged):
    report = unchanged.run((EXAMPLE / "staff_with_errors.csv").read_bytes(), (EXAMPLE / "departments.csv").read_bytes())
    assert not report["applied"] and report["user_rows"] == 20 and report["error_count"] == 9
    long_name = ("𠮷野家" * 34)[:100]
    assert errors(report) == [
        ("staff", 4, "Manager_ID", "UNKNOWN_MANAGER", "HR99999"),
        ("staff", 6, "Department_ID", "UNKNOWN_DEPARTMENT", "D999"),
        ("staff", 8, "Employee_ID", "DUPLICATE_ID", "HR00006"),
        ("staff", 10, "Work_Email", "DUPLICATE_EMAIL", "hr00008@example.hk.example"),
        ("staff", 12, "Hire_Date", "INVALID_DATE", "31/02/2020"),
        ("staff", 14, "Legal_Name", "FORMULA", '=HYPERLINK("http://example.test")'),
        ("staff", 16, "Manager_ID", "MANAGER_CIRCLE", "HR00016"),
        ("staff", 17, "Manager_ID", "MANAGER_CIRCLE", "HR00015"),
        ("staff", 18, "Chinese_Name", "TOO_LONG", long_name)]
    assert all(e["message"] for e in report["errors"])


@pytest.mark.parametrize("row, column, reason", [
    (staff_row("A1", Mobile="+852 9123 4567") + "\n" + staff_row("A2", Mobile="9123 4567"), "Mobile", "DUPLICATE_MOBILE"),
    (staff_row("A1", Hire_Date="2024-02-30"), "Hire_Date", "INVALID_DATE"),
    (staff_row("A1", Business_Title="@SUM(1)"), "Business_Title", "FORMULA"),
    (staff_row("A1", Legal_Name="", ), "Legal_Name", "MISSING"),
    (staff_row("A1", Weekly_Hours="200"), "Weekly_Hours", "INVALID_VALUE"),
    (staff_row("A1", status="Asleep"), "Status", "INVALID_VALUE"),
    (staff_row("A1", Work_Email="nobody"), "Work_Email", "INVALID_VALUE"),
    (staff_row("A1") + ",more", "", "WRONG_COLUMN_COUNT"),
    (staff_row("A1", Legal_Name="x" * 81), "Legal_Name", "TOO_LONG"),
    (staff_row("A1", manager="A1"), "Manager_ID", "MANAGER_CIRCLE")], ids=lambda value: None if "\n" in value or "," in value else value)
def test_reasons(unchanged, row, column, reason):
    report = unchanged.run(staff(row))
    assert not report.get("applied")
    assert [(e.get("column", ""), e["reason"]) for e in report["errors"]] == [(column, reason)]


def test_departments_in_a_circle(unchanged):
    report = unchanged.run(departments_csv=f"{DEPARTMENT_HEAD}\nA,a,,B\nB,b,,A\n")
    assert [e["reason"] for e in report["errors"]] == ["DEPARTMENT_CIRCLE"] * 2
    # also with what is there already: HQ below its own child
    report = unchanged.run(departments_csv=f"{DEPARTMENT_HEAD}\nA,a,,HQ\nHQ,Head Office,總部,A\n")
    assert {e["reason"] for e in report["errors"]} == {"DEPARTMENT_CIRCLE"}


def test_bytes_that_are_no_text(unchanged):
    report = unchanged.run(staff(staff_row("A1", Legal_Name="Ren\xe9")).encode("latin-1"))
    assert [e["reason"] for e in report["errors"]] == ["INVALID_UTF8"]


def test_files_that_are_not_what_they_should_be(importer, refused):
    for wrong in ("Name,Age\nx,1\n", b"\x50\x4b\x03\x04" + b"\x00" * 100, '"never closed\n', STAFF_HEAD.replace("Status", "Legal_Name") + "\n"):
        with refused("IMPORT_INVALID", 400):
            importer.run(wrong)
    with refused("IMPORT_INVALID", 400):
        importer.run()
    with refused("FIELD_INVALID", 400):
        importer.boss.post("/v1/directory:import", {"staff_csv": "not base64!"})
    with refused("PERMISSION_MISSING", 403):
        importer.run(staff(staff_row("A1")))
        importer.sign_in("A1").post("/v1/directory:import", {"staff_csv": encode(staff(staff_row("A1")))})


def test_managers_in_any_order_and_updates_by_number(importer):
    rows = [staff_row("A3", manager="A2"), staff_row("A2", manager="A1"), staff_row("A1", manager="BOSS")]
    assert importer.run(staff(*rows))["users_created"] == 3
    users = importer.users()
    assert users["A3"]["manager_id"] == users["A2"]["id"] and users["A1"]["manager_id"] == users["BOSS"]["id"]
    report = importer.run(staff(staff_row("a3", manager="A1", Business_Title="Director")))  # the number's case does not matter
    assert (report.get("users_created", 0), report["users_updated"]) == (0, 1)
    later = importer.users()
    assert later["a3"]["id"] == users["A3"]["id"] and later["a3"]["title"] == "Director"  # as the company writes it now
    assert later["a3"]["manager_id"] == users["A1"]["id"] and later["A2"] == users["A2"]  # those not in the file stay
    assert importer.events()["user.updated"] == 2  # the role of BOSS, and this one


def test_who_leaves_is_out_at_once(importer, refused):
    importer.run(staff(staff_row("A1"), staff_row("A2")))
    leaving, staying = importer.sign_in("A1"), importer.sign_in("A2")
    group = importer.boss.group("離職", leaving, staying)
    importer.run(staff(staff_row("A1", status="Terminated")))
    wait_until(lambda: leaving.request("GET", "/v1/me").status_code == 401, 2)
    with refused("CREDENTIALS_INVALID", 401):
        importer.sign_in("A1")
    with refused("REFRESH_TOKEN_INVALID", 401):
        leaving.post("/v1/sessions:refresh", {"refresh_token": leaving.tokens["refresh_token"]})
    wait_until(lambda: importer.boss.conversation(group["id"])["member_count"] == 2)
    with refused("USER_NOT_FOUND", 400):
        importer.boss.direct(leaving)
    importer.run(staff(staff_row("A1")))  # taken back
    assert importer.sign_in("A1").user_id == leaving.user_id


def test_many_errors_are_counted_and_the_first_thousand_shown(unchanged):
    report = unchanged.run(staff(*(staff_row(f"A{n}", department="NOWHERE") for n in range(1500))))
    assert report["error_count"] == 1500 and len(report["errors"]) == 1000
    assert [e["row"] for e in report["errors"]] == list(range(2, 1002))


def test_operators_calls(system, importer):
    def refusal(method, request):
        with pytest.raises(AssertionError) as failed:
            system.call(f"{SERVICE}/{method}", request)
        return str(failed.value)

    organization = {"request_id": str(uuid.uuid4()), "slug": f"call-{uuid.uuid4().hex[:8]}", "name": "Call"}
    made = system.call(f"{SERVICE}/CreateOrganization", organization)
    assert system.call(f"{SERVICE}/CreateOrganization", organization) == made
    assert "SLUG_TAKEN" in refusal("CreateOrganization", {**organization, "request_id": str(uuid.uuid4())})
    assert "REQUEST_ID_REUSED" in refusal("CreateOrganization", {**organization, "name": "Other"})
    assert "FIELD_INVALID" in refusal("CreateOrganization", {**organization, "slug": "-Not A Slug"})
    assert "ORGANIZATION_NOT_FOUND" in refusal("ImportOrganizationDirectory", {"organization": "nowhere", "staff_csv": encode("x")})
    assert "USER_NOT_FOUND" in refusal("SetUserRole", {"organization": importer.slug, "external_id": "NOBODY",
                                                       "role": "USER_ROLE_MEMBER"})
    assert json.dumps(made) and made["slug"] == organization["slug"]
