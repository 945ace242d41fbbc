"""What can be known of the templates without an AWS.

`make check` runs it with SAM's Python, which also has the schemas of CloudFormation's registry.
"""

import alarms
import managed
import parameters
import permissions
import regions

TESTS = [
    alarms.the_right_alarm_fires,
    alarms.an_alarm_says_what_to_do,
    managed.the_instances_have_the_stacks_tags,
    managed.the_second_template_is_the_same_mirror_on_managed_instances,
    parameters.what_stops_the_start_is_refused_before,
    parameters.sam_passes_every_value_as_it_is,
    parameters.sam_passes_every_tag_as_it_is,
    parameters.a_build_sees_no_secret,
    parameters.a_template_can_be_given_to_cloudformation_as_text,
    permissions.the_deployer_may_do_what_the_resources_need,
    permissions.what_iam_allows_on_everything_only_is_allowed_so,
    permissions.a_policy_fits_where_it_is_attached,
    regions.the_list_of_regions_is_that_of_the_registry,
]


def main():
    for test in TESTS:
        test()
        print(f"ok: {test.__name__.replace('_', ' ')}")


if __name__ == "__main__":
    main()
