"""What nvidia-smi prints, in its many versions."""

from gesso.gpus.smi_text import FIELDS, cards_of, instances_of, processes_of, refused_field

MIB = 2**20
ROWS = """\
0, GPU-aa, 00000000:01:00.0, 566.36, 16384, 2841, 7, 54, 31.42, 150.00, 1230, 2100, 8001, 0x0000000000000002, [N/A], 8.6, NVIDIA GeForce RTX 3080 Ti Laptop GPU
1, GPU-bb, 00000000:2F:00.0, 566.36, 24576, 19812, 98, 76, 347.90, 350.00, 1695, 2100, 9501, 0x0000000000000005, [N/A], 8.6, NVIDIA GeForce RTX 3090
"""  # noqa: E501


def cards(text=ROWS):
    return cards_of(text, FIELDS)[1]


def row(**changes):
    values = dict(zip(FIELDS, ROWS.splitlines()[0].split(", "), strict=True))
    return ", ".join((values | {name.replace("_", "."): value for name, value in changes.items()}).values())


def test_two_cards():
    driver, (first, second), said = cards_of(ROWS, FIELDS)
    assert (driver, said) == ("566.36", [])
    assert (first.uuid, first.nvml_index, first.pci, first.mig) == ("GPU-aa", 0, "00000000:01:00.0", False)
    assert first.name == "NVIDIA GeForce RTX 3080 Ti Laptop GPU"
    assert (second.memory_total, second.memory_used) == (24576 * MIB, 19812 * MIB)
    assert (second.power_w, second.power_limit_w, second.utilisation) == (347.9, 350.0, 98.0)
    assert (first.throttled_by, second.throttled_by) == (("applications_clocks_setting",), ("sw_power_cap",))
    assert second.compute_capability == (8, 6)
    assert second.xid is None and second.processes is None and second.problems == ()


def test_every_way_of_saying_nothing_is_not_known_with_the_reason():
    for text, reason in (
        ("[N/A]", "not supported"),
        ("N/A", "not supported"),
        ("[Not Supported]", "not supported"),
        ("ERR!", "unknown error"),
        ("[Unknown Error]", "unknown error"),
        ("[Insufficient Permissions]", "insufficient permissions"),
        ("", "no answer"),
    ):
        (card,) = cards(row(power_draw=text, memory_used=text, utilization_gpu=text))
        assert (card.power_w, card.memory_used, card.utilisation) == (None, None, None)
        assert card.problems == tuple(f"{what}: {reason}" for what in ("memory used", "utilisation", "power"))


def test_units_that_slip_in_are_ignored():
    (card,) = cards(row(power_draw="31.42 W", memory_used="2841 MiB"))
    assert (card.power_w, card.memory_used) == (31.42, 2841 * MIB)


def test_a_name_may_have_a_comma():
    assert cards(row(name="Card, the second"))[0].name == "Card, the second"


def test_a_card_that_is_lost():
    lost = "[GPU is lost]"
    (card,) = cards(row(memory_used=lost, utilization_gpu=lost, temperature_gpu=lost))
    assert card.lost and card.problems == ("the card does not answer any more (GPU is lost)",)
    told = "Unable to determine the device handle for GPU0000:0B:00.0: GPU is lost.  Reboot the system\n"
    driver, alive, said = cards_of(told + ROWS, FIELDS)
    assert len(alive) == 2 and said == [told.strip()]
    assert cards_of(row(uuid=lost), FIELDS)[1:] == ([], ["card 0 does not answer (gpu is lost)"])


def test_what_is_no_table_is_no_card():
    for text in ("", "\n\n", "No devices were found\n", "a, b, c\n", "<html>" * 50):
        assert cards_of(text, FIELDS) == (None, [], [])


def test_a_field_that_a_version_does_not_know():
    assert refused_field('Field "compute_cap" is not a valid field to query.\n\n') == "compute_cap"
    assert refused_field(ROWS) == ""


def test_mig_instances_stand_behind_their_card():
    text = (
        "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)\n"
        "  MIG 3g.20gb     Device  0: (UUID: MIG-11)\n"
        "  MIG 1c.3g.20gb  Device  1: (UUID: MIG-GPU-aa/2/0)\n"
        "GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bb)\n"
    )
    divided, first, second, other = instances_of(
        text, cards(row(mig_mode_current="Enabled") + "\n" + ROWS.splitlines()[1])
    )
    assert divided.mig and (first.uuid, first.parent) == ("MIG-11", "GPU-aa")
    assert second.uuid == "MIG-GPU-aa/2/0" and second.name.endswith(" MIG 1c.3g.20gb")
    assert first.memory_used is None and first.problems and other.uuid == "GPU-bb"


def test_processes_with_and_without_memory_and_names():
    text = (
        "GPU-aa, 30418, 2018, /opt/up, scaler/python\n"
        "GPU-aa, 77, [N/A], [Insufficient Permissions]\n"
        "GPU-zz, 5, 10, lost\n"
        "nonsense\n"
    )
    (first, second), unread = processes_of(text, cards())
    assert [(each.pid, each.memory, each.name) for each in first.processes] == [
        (77, None, None),
        (30418, 2018 * MIB, "/opt/up, scaler/python"),
    ]
    assert second.processes == () and unread == ["a process is on a card that is not listed (GPU-zz)"]
