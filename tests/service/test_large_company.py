"""More people than one conversation takes."""
import pytest

from tests.lib.importer import Importer, staff, staff_row

PEOPLE = 5010
MEMBERS_MAX = 5000
MEMBERS_AT_ONCE = 500

pytestmark = pytest.mark.once("the rules of size are the same in every mode")


@pytest.fixture(scope="module")
def large(system):
    importer = Importer(system)
    rows = [staff_row(f"L{number:05d}", Work_Email=f"l{number}@{importer.slug}.example") for number in range(PEOPLE)]
    report = importer.run(staff(*rows))
    assert report["applied"] and report["users_created"] == PEOPLE
    return importer


def test_the_last_of_many_signs_in(large):
    assert large.sign_in(f"L{PEOPLE - 1:05d}").me["work_email"] == f"l{PEOPLE - 1}@{large.slug}.example"


def test_a_group_has_a_limit_of_members(large, refused, open_socket):
    ids, token = [], ""
    while not ids or token:
        page = large.boss.get("/v1/users", page_size=1000, page_token=token)
        ids += [user["id"] for user in page["users"]]
        token = page.get("next_page_token", "")
    ids.remove(large.boss.user_id)
    group = large.boss.post("/v1/conversations", {"kind": "CONVERSATION_KIND_GROUP", "name": "全體", "member_ids": ids[:MEMBERS_AT_ONCE - 1]})
    members = f"/v1/conversations/{group['id']}/members"
    for begin in range(MEMBERS_AT_ONCE - 1, MEMBERS_MAX - 1, MEMBERS_AT_ONCE):
        added = large.boss.post(members, {"user_ids": ids[begin:begin + MEMBERS_AT_ONCE]})
    assert added["member_count"] == MEMBERS_MAX
    with refused("MEMBER_LIMIT_REACHED", 400):
        large.boss.post(members, {"user_ids": ids[MEMBERS_MAX - 1:MEMBERS_MAX]})
    assert large.boss.post(members, {"user_ids": ids[:3]})["added_count"] == 0  # who is in it already adds nothing
    reader = large.sign_in("L00000")
    socket = open_socket(reader)
    large.boss.send(group, "to all")
    socket.wait_message(group, 1)
    reader.mark_read(group, 1)
    receipts = large.boss.receipts(group, 1)
    assert len(receipts["read"]) == 1 and len(receipts["unread"]) == MEMBERS_MAX - 2
