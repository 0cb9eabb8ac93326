"""Nothing of one company can be reached from another, by any id."""
import base64
import uuid

import pytest


@pytest.fixture(scope="module")
def theirs(company):
    """Ids of things of the first company, by the name of the path parameter."""
    alice, bob = company.people(1, 2)
    group = alice.group("機密", bob)
    alice.send(group, "secret")
    return {"conversation_id": group["id"], "user_id": bob.user_id, "seq": "1",
            "department_id": alice.get("/v1/departments")["departments"][0]["id"]}


def fill(path, values):
    for name, value in values.items():
        path = path.replace("{" + name + "}", value)
    assert "{" not in path, f"the test knows no value for {path}"
    return path


def test_every_get_by_id_of_another_company_is_not_found(contract, company, other_company, theirs):
    own, stranger = company.person(1), other_company.person(1)
    seen = 0
    for verb, path, _, _ in contract.operations:
        if verb == "get" and "{" in path:
            target = fill(path, theirs)
            answer = stranger.request("GET", target)
            assert answer.status_code == 404, f"GET {path}: {answer.status_code}"
            assert answer.json()["error"]["details"][0]["reason"].endswith("_NOT_FOUND")
            nothing = stranger.request("GET", fill(path, {**theirs, **{name: str(uuid.uuid4()) for name in theirs if name != "seq"}}))
            assert nothing.status_code == 404  # and not to be told from what is not there at all
            assert nothing.json()["error"]["details"][0]["reason"] == answer.json()["error"]["details"][0]["reason"]
            if "avatar" not in path:
                assert own.request("GET", target).status_code == 200, path
            seen += 1
    assert seen >= 6


def test_no_change_reaches_another_company(other_company, company, theirs, refused):
    stranger = other_company.person(1)  # an administrator there
    conversation = f"/v1/conversations/{theirs['conversation_id']}"
    with refused("CONVERSATION_NOT_FOUND", 404):
        stranger.post(f"{conversation}/messages", {"text": {"body": "x"}})
    with refused("CONVERSATION_NOT_FOUND", 404):
        stranger.post(f"{conversation}:markRead", {"seq": "1"})
    with refused("CONVERSATION_NOT_FOUND", 404):
        stranger.call("PATCH", conversation, {"name": "x"})
    with refused("CONVERSATION_NOT_FOUND", 404):
        stranger.post(f"{conversation}/members", {"user_ids": [stranger.user_id]})
    with refused("CONVERSATION_NOT_FOUND", 404):
        stranger.call("DELETE", f"{conversation}/members/{theirs['user_id']}")
    with refused("USER_NOT_FOUND", 404):
        stranger.post(f"/v1/users/{theirs['user_id']}/invitations", {})
    with refused("DEPARTMENT_NOT_FOUND", 404):
        stranger.post("/v1/departments", {"name": "x", "parent_id": theirs["department_id"]})
    assert company.person(1).conversation(theirs["conversation_id"])["last_seq"] == "1"


def test_lists_hold_nothing_of_another_company(other_company, company, theirs):
    stranger, own = other_company.person(1), company.person(1)
    assert stranger.post("/v1/users:batchGet", {"user_ids": [theirs["user_id"], stranger.user_id]})["users"] == \
        [stranger.get(f"/v1/users/{stranger.user_id}")]
    mine = {user["id"] for user in stranger.get("/v1/users", page_size=1000)["users"]}
    assert len(mine) > 300 and not mine & {user["id"] for user in own.get("/v1/users", page_size=1000)["users"]}
    assert stranger.get("/v1/users", department_id=theirs["department_id"])["users"] == []
    ids = {department["id"] for department in stranger.get("/v1/departments", page_size=1000)["departments"]}
    assert theirs["department_id"] not in ids
    assert theirs["conversation_id"] not in {c["id"] for c in stranger.get("/v1/conversations")["conversations"]}


def test_import_touches_ones_own_company_only(company, other_company):
    """The same employee number exists in both: a dry run of one finds its own."""
    header = ("Employee_ID,Legal_Name,Preferred_Name,Chinese_Name,Work_Email,Mobile,Business_Title,Department_ID,Manager_ID,"
              "Worker_Type,Weekly_Hours,Location,Hire_Date,Preferred_Language,Status\n")
    row = "HR00002,Yeung Kin Wah,Joyce,楊健華,hr00002@other.example,+852 9002 4383,Director,D000,HR00001,Regular,45,,,zh-HK,Active\n"
    before = company.person(1).get(f"/v1/users/{company.person(2).user_id}")
    report = other_company.person(1).post("/v1/directory:import", {
        "dry_run": True, "staff_csv": base64.b64encode((header + row).encode()).decode()})
    assert (report.get("users_created", 0), report["users_updated"], report.get("error_count", 0)) == (0, 1, 0)
    assert company.person(1).get(f"/v1/users/{before['id']}") == before
