"""Departments and people."""
import uuid

import pytest


def pages(person, path, items, **params):
    found, token = [], ""
    while True:
        page = person.get(path, page_token=token, **params)
        assert len(page[items]) <= params.get("page_size", 1000)
        found += page[items]
        token = page.get("next_page_token", "")
        if not token:
            return found


@pytest.fixture(scope="module")
def people(company):
    return pages(company.person(90), "/v1/users", "users", page_size=1000, show_left="true")


def test_departments_by_pages(company):
    person = company.person(90)
    whole = person.get("/v1/departments", page_size=1000)
    assert not whole.get("next_page_token")
    departments = [d for d in whole["departments"] if d["external_id"].startswith("D")]
    assert len(departments) == 21
    by_pages = pages(person, "/v1/departments", "departments", page_size=4)
    assert by_pages == whole["departments"]
    assert [d["name"] for d in by_pages] == sorted(d["name"] for d in by_pages)
    roots = [d for d in departments if not d["parent_id"]]
    assert [(d["external_id"], d["chinese_name"]) for d in roots] == [("D000", "海港零售有限公司")]
    ids = {d["id"] for d in departments}
    assert all(d["parent_id"] in ids for d in departments if d not in roots)


def test_department_counts_the_active(company, people):
    person = company.person(90)
    for department in person.get("/v1/departments")["departments"]:
        active = [u for u in people if u["department_id"] == department["id"] and u["status"] == "USER_STATUS_ACTIVE"]
        assert department.get("user_count", 0) == len(active), department["name"]
        assert person.get(f"/v1/departments/{department['id']}") == department


def test_department_that_is_not_there(company, refused):
    with refused("DEPARTMENT_NOT_FOUND", 404):
        company.person(90).get(f"/v1/departments/{uuid.uuid4()}")


def test_create_department(company, other_company, refused):
    admin, member = company.person(1), company.person(90)
    parent = member.get("/v1/departments")["departments"][0]
    external_id, request_id = f"T-{uuid.uuid4().hex[:8]}", str(uuid.uuid4())
    request = {"request_id": request_id, "name": "Test", "chinese_name": "測試", "parent_id": parent["id"], "external_id": external_id}
    made = admin.post("/v1/departments", request)
    assert made["external_id"] == external_id and made["parent_id"] == parent["id"] and not made.get("user_count")
    assert admin.post("/v1/departments", request) == made
    with refused("REQUEST_ID_REUSED", 409):
        admin.post("/v1/departments", {**request, "name": "Another"})
    with refused("EXTERNAL_ID_TAKEN", 409):
        admin.post("/v1/departments", {**request, "request_id": str(uuid.uuid4()), "external_id": external_id.lower()})
    with refused("DEPARTMENT_NOT_FOUND", 404):
        admin.post("/v1/departments", {"name": "x", "parent_id": str(uuid.uuid4())})
    with refused("PERMISSION_MISSING", 403):
        member.post("/v1/departments", {"name": "x"})
    assert admin.post("/v1/departments", {"name": "Without a number"})["external_id"]
    assert other_company.person(1).post("/v1/departments", {"name": "Test", "external_id": external_id})["id"] != made["id"]


def test_users_are_listed_in_order_of_their_names(company, people):
    listed = pages(company.person(90), "/v1/users", "users", page_size=37)
    assert [u["display_name"] for u in listed] == sorted(u["display_name"] for u in listed)
    assert [u for u in people if u["status"] != "USER_STATUS_LEFT"] == listed
    assert len({u["id"] for u in listed}) == len(listed) > 380


def test_people_who_have_left_are_shown_on_request(company, people):
    left = [u["external_id"] for u in people if u["status"] == "USER_STATUS_LEFT"]
    assert "HR00041" in left
    assert company.person(90).get("/v1/users", query="HR00041").get("users") in ([], None)


def test_user_as_imported(company, people):
    user = next(u for u in people if u["external_id"] == "HR00075")
    assert user["weekly_minutes"] == 17 * 60
    boss = next(u for u in people if u["external_id"] == "HR00001")
    assert boss["mobile"] == "+85200018065" and boss["hire_date"] == "2023-06-25" and boss["preferred_language"] == "zh-CN"
    second = next(u for u in people if u["external_id"] == "HR00002")
    assert second["manager_id"] == boss["id"] and second["title"] == "Officer" and second["worker_type"] == "Regular"
    assert company.person(90).get(f"/v1/users/{second['id']}") == second


@pytest.mark.parametrize("query, wanted", [
    ("司徒詠詩", {"HR00001"}), ("joyce SZETO 司徒詠詩", {"HR00001"}), ("hr00001@", {"HR00001"}), ("hr00001", {"HR00001"}),
    ("HR0000_", set()), ("%", set()), ("\\", set()), ("no such person", set()), ("' OR 1=1 --", set())])
def test_query(company, query, wanted):
    found = company.person(90).get("/v1/users", query=query, page_size=1000)["users"]
    assert {u["external_id"] for u in found} == wanted


def test_filters_combine(company, people):
    person = company.person(90)
    boss = next(u for u in people if u["external_id"] == "HR00001")
    inside = person.get("/v1/users", department_id=boss["department_id"], page_size=1000)["users"]
    assert {u["id"] for u in inside} == {u["id"] for u in people
                                         if u["department_id"] == boss["department_id"] and u["status"] != "USER_STATUS_LEFT"}
    assert [u["external_id"] for u in person.get("/v1/users", department_id=boss["department_id"], query="司徒")["users"]] == ["HR00001"]
    assert person.get("/v1/users", department_id=str(uuid.uuid4()))["users"] == []


def test_page_tokens_belong_to_their_query(company, refused):
    person, other = company.person(90), company.person(91)
    token = person.get("/v1/users", page_size=5, query="chan")["next_page_token"]
    assert person.get("/v1/users", page_size=50, query="chan", page_token=token)["users"]  # the size may change
    for wrong in ({"query": "cheung"}, {}, {"query": "chan", "show_left": "true"}):
        with refused("PAGE_TOKEN_INVALID", 400):
            person.get("/v1/users", page_token=token, **wrong)
    with refused("PAGE_TOKEN_INVALID", 400):
        other.get("/v1/departments", page_token=token)
    with refused("PAGE_TOKEN_INVALID", 400):
        person.get("/v1/users", query="chan", page_token="x" + token)


def test_batch_get(company, people, refused):
    person = company.person(90)
    ids = [u["id"] for u in people[:300]]
    found = person.post("/v1/users:batchGet", {"user_ids": ids + [str(uuid.uuid4())] + ids[:3]})["users"]
    assert {u["id"] for u in found} == set(ids) and len(found) == 300
    with refused("FIELD_INVALID", 400):
        person.post("/v1/users:batchGet", {"user_ids": [str(uuid.uuid4()) for _ in range(501)]})
    with refused("FIELD_INVALID", 400):
        person.post("/v1/users:batchGet", {"user_ids": []})
    with refused("USER_NOT_FOUND", 404):
        person.get(f"/v1/users/{uuid.uuid4()}")
